# One library per folder: its DEPS are its include rules.
#   nightsafe_library(common_io SOURCES posix.cc DEPS common_base)
function(nightsafe_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE nightsafe_flags)
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
  endif()
endfunction()

function(nightsafe_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} nightsafe_flags)
endfunction()

#   nightsafe_add_test(rescue TIMEOUT 600 COMMAND rescue.py --count 3)
# Every test is added here, so that in a sanitized build it runs below the
# launcher that finds what the sanitizers have to say (and has more time).
function(nightsafe_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "TIMEOUT" "COMMAND")
  list(POP_FRONT ARG_COMMAND program)
  if(TARGET ${program})
    set(program $<TARGET_FILE:${program}>)
  endif()
  add_test(NAME ${name}
           COMMAND ${NIGHTSAFE_TEST_LAUNCHER} ${program} ${ARG_COMMAND})
  if(ARG_TIMEOUT)
    if(NIGHTSAFE_SANITIZE)
      math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  endif()
endfunction()

#   nightsafe_test(cursor_test SOURCES cursor_test.cc DEPS common_base)
# A program without a test case fails.
function(nightsafe_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest_main
                                        nightsafe_flags)
  nightsafe_add_test(${name} TIMEOUT ${ARG_TIMEOUT} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites ran")
endfunction()

#   nightsafe_fuzz(node SOURCES node_fuzz.cc DEPS common_tree)
# A fuzz target (LLVMFuzzerTestOneInput) with inputs in tests/fuzz/corpus/NAME.
# Preset fuzz links libFuzzer, for tests/fuzz/long; every other build links
# tests/fuzz/driver.cc and runs it shortly as the test fuzz_NAME. MUST_CRASH
# turns the verdict round: a harness that misses a planted bug fails.
function(nightsafe_fuzz name)
  cmake_parse_arguments(ARG "MUST_CRASH" "" "SOURCES;DEPS" ${ARGN})
  set(program ${name}_fuzz)
  set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  add_executable(${program} ${ARG_SOURCES})
  target_link_libraries(${program} PRIVATE ${ARG_DEPS} nightsafe_flags)
  if(NIGHTSAFE_FUZZ)
    target_link_options(${program} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_link_libraries(${program} PRIVATE nightsafe_fuzz_driver)
  set(run $<TARGET_FILE:${program}> --runs=3000 --seconds=2 ${corpus})
  if(ARG_MUST_CRASH)
    set(run $<TARGET_FILE:${program}> --runs=20000 --seconds=30 ${corpus})
    nightsafe_add_test(fuzz_${name} TIMEOUT 300
      COMMAND sh -c "! \"$@\" 2>&1" sh ${run})
    set_tests_properties(fuzz_${name} PROPERTIES
      PASS_REGULAR_EXPRESSION "input crashes the target")
  else()
    nightsafe_add_test(fuzz_${name} TIMEOUT 300 COMMAND ${run})
  endif()
endfunction()

#   nightsafe_proto(proto_format FILES a.proto DEPS ... [GRPC])
# Messages (and with GRPC service stubs) from files below proto/.
function(nightsafe_proto name)
  cmake_parse_arguments(ARG "GRPC" "" "FILES;DEPS" ${ARGN})
  set(out ${CMAKE_BINARY_DIR}/proto)
  set(root ${CMAKE_SOURCE_DIR}/proto)
  file(MAKE_DIRECTORY ${out})
  set(generated "")
  foreach(file ${ARG_FILES})
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    set(outputs ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(plugin "")
    if(ARG_GRPC)
      list(APPEND outputs ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      set(plugin --grpc_out=${out}
                 --plugin=protoc-gen-grpc=${NIGHTSAFE_GRPC_PLUGIN})
    endif()
    add_custom_command(OUTPUT ${outputs}
      COMMAND ${NIGHTSAFE_PROTOC} -I${root} --cpp_out=${out} ${plugin}
              ${root}/${file}
      DEPENDS ${root}/${file} VERBATIM)
    list(APPEND generated ${outputs})
  endforeach()
  add_custom_target(${name}_generated DEPENDS ${generated})
  if(NOT TARGET nightsafe_generated)
    add_custom_target(nightsafe_generated)
  endif()
  add_dependencies(nightsafe_generated ${name}_generated)
  add_library(${name} STATIC ${generated})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
endfunction()
