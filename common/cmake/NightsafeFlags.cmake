# Warnings, sanitizers and hardening, in one interface target.
add_library(nightsafe_flags INTERFACE)
target_include_directories(nightsafe_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(nightsafe_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion
                            -Wno-missing-field-initializers>)
if(NIGHTSAFE_WERROR)
  target_compile_options(nightsafe_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(nightsafe_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wthread-safety>)
endif()
if(NIGHTSAFE_SANITIZE)
  add_compile_options(-fsanitize=${NIGHTSAFE_SANITIZE}
                      -fno-sanitize-recover=all -fno-omit-frame-pointer
                      -D_GLIBCXX_ASSERTIONS)
  add_link_options(-fsanitize=${NIGHTSAFE_SANITIZE})
  # As a shared library GCC's libubsan does not know log_path and exitcode.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND
     NIGHTSAFE_SANITIZE MATCHES "undefined")
    add_link_options(-static-libubsan)
  endif()
  if(NIGHTSAFE_SANITIZE MATCHES "thread")
    # An Abseil that ThreadSanitizer understands takes the place of Debian's, by
    # the same names: as DT_RPATH, which holds for gRPC's needs as well.
    set(abseil ${CMAKE_SOURCE_DIR}/build/tsan-abseil)
    if(NOT EXISTS ${abseil}/built)
      message(FATAL_ERROR "no ${abseil}: tests/dev/tsan --prepare makes it")
    endif()
    add_link_options(-Wl,--disable-new-dtags,-rpath,${abseil}/lib)
  endif()
  set(NIGHTSAFE_TEST_LAUNCHER ${CMAKE_SOURCE_DIR}/tests/dev/sanitized)
endif()
if(NIGHTSAFE_HARDEN)
  add_compile_options(-D_GLIBCXX_ASSERTIONS -D_FORTIFY_SOURCE=2
    -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_compile_options(-fcf-protection)
  endif()
  add_link_options(-pie -Wl,-z,relro -Wl,-z,now)
endif()
if(NIGHTSAFE_FUZZ)
  # With the counters that tests/fuzz/coverage reads.
  add_compile_options(-fsanitize=fuzzer-no-link -fprofile-instr-generate
                      -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
