# A room of src/ is one static library, stemma::<room>, that sees the headers of the rooms it may
# include and links to nothing else (docs/tour.md).
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(Threads REQUIRED)

# Flags of every target of ours.
add_library(stemma_flags INTERFACE)
target_compile_options(stemma_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Werror -ffp-contract=off -fno-math-errno)
if(STEMMA_SANITIZE)
  target_compile_options(stemma_flags INTERFACE -fsanitize=${STEMMA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(stemma_flags INTERFACE -fsanitize=${STEMMA_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 sees uninitialised memory in <regex> and <functional> when it is instrumented.
    target_compile_options(stemma_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()

# And of the rooms' sources: libFuzzer follows what they execute.
add_library(stemma_room_flags INTERFACE)
target_link_libraries(stemma_room_flags INTERFACE stemma_flags)
if(STEMMA_FUZZ)
  target_compile_options(stemma_room_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Headers that most sources include are parsed once per build, not once per source: that is a quarter
# of its time. The preset `debug` does without, so it sees where a source relies on that.
option(STEMMA_PRECOMPILE "Precompile fmt, GoogleTest and the standard library's large headers" ON)

# stemma_precompile(<name> <header>... LIBRARIES <library>...): headers for stemma_use_precompiled.
function(stemma_precompile name)
  cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
  if(NOT STEMMA_PRECOMPILE)
    return()
  endif()
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc "")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${ARG_UNPARSED_ARGUMENTS})
endfunction()

function(stemma_use_precompiled target name)
  if(STEMMA_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

stemma_precompile(precompiled_std <fmt/format.h> <algorithm> <filesystem> <functional> <map> <vector>
  LIBRARIES stemma_room_flags fmt::fmt Threads::Threads)

# stemma_room(<name> [ROOMS <rooms it may include>...] [LIBRARIES <libraries used in .cc files>...])
function(stemma_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/cpu/*.cc)
  if(NOT sources)
    add_library(stemma_${name} INTERFACE)
    add_library(stemma::${name} ALIAS stemma_${name})
    return()
  endif()
  add_library(stemma_${name} STATIC ${sources})
  add_library(stemma::${name} ALIAS stemma_${name})
  target_include_directories(stemma_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM ARG_ROOMS PREPEND stemma::)
  target_link_libraries(stemma_${name} PUBLIC ${ARG_ROOMS} PRIVATE stemma_room_flags ${ARG_LIBRARIES})
  stemma_use_precompiled(stemma_${name} precompiled_std)
endfunction()
