# purser_library(NAME SOURCES ... DEPENDS ... [LIBRARIES ...])
#   DEPENDS    other folders of operator/ (targets purser_<folder>): the only ones it may include
#   LIBRARIES  third-party libraries it sees
# The include direction itself is checked by tests/structure.

add_library(purser_options INTERFACE)
target_compile_options(purser_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
# GCC 12 reports false positives inside the standard library's string code when optimising.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(purser_options INTERFACE -Wno-error=restrict -Wno-error=maybe-uninitialized
    -Wno-error=stringop-overflow -Wno-error=array-bounds)
endif()
target_include_directories(purser_options INTERFACE ${PROJECT_SOURCE_DIR}/operator)

if(PURSER_SANITIZE STREQUAL "address")
  target_compile_options(purser_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(purser_options INTERFACE -fsanitize=address,undefined)
elseif(PURSER_SANITIZE STREQUAL "thread")
  # It does not follow the fences of the HTTP server's library, and GCC says so wherever one is inlined.
  target_compile_options(purser_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  target_link_options(purser_options INTERFACE -fsanitize=thread)
elseif(PURSER_SANITIZE)
  message(FATAL_ERROR "PURSER_SANITIZE is '${PURSER_SANITIZE}'; use address, thread or nothing")
endif()
if(PURSER_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "PURSER_FUZZ needs clang, for libFuzzer: add -DCMAKE_CXX_COMPILER=clang++, or run make fuzz")
  endif()
  # No vptr: the HTTP library's objects have type information of their own build.
  target_compile_options(purser_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(purser_options INTERFACE -fsanitize=address,undefined)
endif()
if(PURSER_COVERAGE)
  target_compile_options(purser_options INTERFACE --coverage -O0)
  target_link_options(purser_options INTERFACE --coverage)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

function(purser_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  if(ARG_SOURCES)
    add_library(purser_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(purser_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(purser_${name} ${scope} purser_options)
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(purser_${name} ${scope} purser_${dependency})
  endforeach()
  target_link_libraries(purser_${name} ${scope} ${ARG_LIBRARIES})
endfunction()

# Builds the unit tests and nothing else.
add_custom_target(unit-tests)

# How many times longer a test may take: sanitizers slow it down.
set(PURSER_TIMEOUT_FACTOR 1)
if(PURSER_SANITIZE)
  set(PURSER_TIMEOUT_FACTOR 5)
endif()

# purser_knows_source_dir(SOURCES ...): PURSER_SOURCE_DIR in these files alone, for what holds this folder's name is
# compiled anew in another clone.
function(purser_knows_source_dir)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_DEFINITIONS "PURSER_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
endfunction()

# purser_test(NAME LABEL label SOURCES ... DEPENDS ... [LIBRARIES ...]): one GoogleTest binary, one ctest entry.
function(purser_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(${name} PRIVATE purser_${dependency})
  endforeach()
  target_link_libraries(${name} PRIVATE purser_options ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  if(ARG_LABEL STREQUAL "unit")
    add_dependencies(unit-tests ${name})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  math(EXPR timeout "${ARG_TIMEOUT} * ${PURSER_TIMEOUT_FACTOR}")
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${timeout})
endfunction()

find_program(PYTHON_PROGRAM python3 REQUIRED)

# purser_python_test(NAME MODULE module LABEL label TIMEOUT seconds): <module>.py of this folder, one ctest entry.
function(purser_python_test name)
  cmake_parse_arguments(ARG "" "MODULE;LABEL;TIMEOUT" "" ${ARGN})
  add_test(NAME ${name} COMMAND ${PYTHON_PROGRAM} -B -m unittest -v ${ARG_MODULE}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

# Builds the fuzz targets and nothing else.
add_custom_target(fuzz-targets)

# purser_fuzz(SUBJECT [MUTATIONS n] DEPENDS ... [LIBRARIES ...]): <subject>_fuzz out of <subject>_fuzz.cc. For libFuzzer
# with PURSER_FUZZ; otherwise a unit test that replays corpus/<subject> and 2,000 mutations of it.
function(purser_fuzz subject)
  cmake_parse_arguments(ARG "" "MUTATIONS" "DEPENDS;LIBRARIES" ${ARGN})
  set(name ${subject}_fuzz)
  add_executable(${name} ${name}.cc)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(${name} PRIVATE purser_${dependency})
  endforeach()
  target_link_libraries(${name} PRIVATE purser_options ${ARG_LIBRARIES})
  add_dependencies(fuzz-targets ${name})
  if(PURSER_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_link_libraries(${name} PRIVATE purser_replay)
  add_dependencies(unit-tests ${name})
  if(ARG_MUTATIONS)
    set(mutations --mutations ${ARG_MUTATIONS})
  endif()
  add_test(NAME ${name} COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${subject} ${mutations})
  math(EXPR timeout "60 * ${PURSER_TIMEOUT_FACTOR}")
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT ${timeout})
endfunction()
