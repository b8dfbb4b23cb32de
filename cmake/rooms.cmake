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
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees writes out of bounds inside std::string, in whatever code it happens to inline (its
  # bugs 105329 and 105651). ASan looks for the real ones.
  target_compile_options(stemma_flags INTERFACE -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-array-bounds -Wno-restrict)
endif()
if(STEMMA_SANITIZE)
  target_compile_options(stemma_flags INTERFACE -fsanitize=${STEMMA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(stemma_flags INTERFACE -fsanitize=${STEMMA_SANITIZE})
  if(STEMMA_SANITIZE MATCHES "address.*undefined")
    # What a bad pointer reaches is ASan's to report; to test each one's arithmetic as well takes
    # twice the time of kernels, in compiling and in running.
    target_compile_options(stemma_flags INTERFACE -fno-sanitize=null,object-size,pointer-overflow)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12, when it instruments, sees uninitialised memory in <regex> and <functional>, and takes
    # the frames of Boost.Asio's coroutines (a class's own operator new) for memory of the global one.
    target_compile_options(stemma_flags INTERFACE -Wno-maybe-uninitialized
      -Wno-mismatched-new-delete)
  endif()
endif()

# And of the rooms' sources: libFuzzer follows what they execute.
add_library(stemma_room_flags INTERFACE)
target_link_libraries(stemma_room_flags INTERFACE stemma_flags)
if(STEMMA_FUZZ)
  target_compile_options(stemma_room_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Most of a build is parsing headers and compiling the same templates again for each source. So large
# headers are precompiled, and sources of a room go to the compiler four at a time. The preset `debug`
# does without: it sees each source alone, with the includes that it has.
option(STEMMA_BATCH_BUILD "Precompile large headers and compile sources in batches" ON)

# stemma_precompile(<name> <header>... LIBRARIES <library>...): headers for stemma_use_precompiled.
function(stemma_precompile name)
  cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
  if(NOT STEMMA_BATCH_BUILD)
    return()
  endif()
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc "")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${ARG_UNPARSED_ARGUMENTS})
endfunction()

function(stemma_use_precompiled target name)
  if(STEMMA_BATCH_BUILD)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

# For targets whose sources do not use one name for two things.
function(stemma_compile_in_batches target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${STEMMA_BATCH_BUILD} UNITY_BUILD_BATCH_SIZE 8)
endfunction()

stemma_precompile(precompiled_std <fmt/format.h> <algorithm> <filesystem> <functional> <map> <vector>
  LIBRARIES stemma_room_flags fmt::fmt Threads::Threads)

# stemma_room(<name> [SINGLY] [COMPUTES] [ROOMS <rooms it may include>...]
#             [LIBRARIES <libraries used in .cc files>...])
# SINGLY: each source is compiled alone. COMPUTES: it parses nothing, so libFuzzer passes it over, and
# clang optimises it under ASan.
function(stemma_room name)
  cmake_parse_arguments(ARG "SINGLY;COMPUTES" "" "ROOMS;LIBRARIES" ${ARGN})
  # Sources lie in the room's folder and in folders below it. A folder tables/ has programs that
  # generate sources, not sources.
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/tables/")
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
  if(ARG_COMPUTES AND STEMMA_FUZZ)
    target_compile_options(stemma_${name} PRIVATE -O2
      -fno-sanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table)
  endif()
  stemma_use_precompiled(stemma_${name} precompiled_std)
  if(NOT ARG_SINGLY)
    stemma_compile_in_batches(stemma_${name})
  endif()
endfunction()
