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
if(STEMMA_FUZZ)
  target_compile_options(stemma_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

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
  target_link_libraries(stemma_${name} PUBLIC ${ARG_ROOMS} PRIVATE stemma_flags ${ARG_LIBRARIES})
endfunction()
