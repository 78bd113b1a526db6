# Every header compiles alone, without a warning, and may be included twice.
#   cmake -D ROOT=DIR -D SCRATCH=DIR -P tests/headers.cmake
cmake_minimum_required(VERSION 3.21)

set(flags -std=c17 -D_GNU_SOURCE -DPAB_CHECK_LEVEL=1 -fsyntax-only -I "${ROOT}"
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Werror)
set(compilers "")
foreach(name gcc clang)
  find_program(${name}_path ${name})
  if(${name}_path)
    list(APPEND compilers "${${name}_path}")
  endif()
endforeach()
if(NOT compilers)
  message(FATAL_ERROR "neither gcc nor clang is here")
endif()

set(headers "")
foreach(folder allocators workloads harness tests)
  file(GLOB_RECURSE found RELATIVE "${ROOT}" "${ROOT}/${folder}/*.h")
  list(APPEND headers ${found})
endforeach()
list(LENGTH headers count)
if(count EQUAL 0)
  message(FATAL_ERROR "no headers under ${ROOT}")
endif()

foreach(header IN LISTS headers)
  file(WRITE "${SCRATCH}/alone.c" "#include \"${header}\"\n#include \"${header}\"\n")
  foreach(compiler IN LISTS compilers)
    execute_process(COMMAND "${compiler}" ${flags} "${SCRATCH}/alone.c"
      RESULT_VARIABLE code ERROR_VARIABLE complaint)
    if(NOT code EQUAL 0)
      message(SEND_ERROR "${header} does not stand alone with ${compiler}:\n${complaint}")
    endif()
  endforeach()
endforeach()
message(STATUS "headers: ${count} compiled alone with ${compilers}")
