# Proves that layers.cmake can fail: plants one wrong arrow at a time in a tree of its own.
#   cmake -D SCRATCH=DIR -P tests/layers_planted.cmake
cmake_minimum_required(VERSION 3.21)

function(judge file line)
  file(REMOVE_RECURSE "${SCRATCH}")
  file(WRITE "${SCRATCH}/${file}" "${line}\n")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -D "ROOT=${SCRATCH}" -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/layers.cmake"
    RESULT_VARIABLE code ERROR_VARIABLE complaint OUTPUT_QUIET)
  set(code "${code}" PARENT_SCOPE)
  set(complaint "${complaint}" PARENT_SCOPE)
endfunction()

function(expect_refused file line)
  judge("${file}" "${line}")
  if(code EQUAL 0 OR NOT complaint MATCHES "${file}")
    message(SEND_ERROR "not refused: ${file}: ${line}\n${complaint}")
  endif()
endfunction()

function(expect_allowed file line)
  judge("${file}" "${line}")
  if(NOT code EQUAL 0)
    message(SEND_ERROR "refused: ${file}: ${line}\n${complaint}")
  endif()
endfunction()

expect_refused(allocators/a.c "#include \"workloads/workload.h\"")
expect_refused(allocators/gc/a.h "#  include <harness/check.h>")
expect_refused(allocators/a.c "#include \"a.h\"")
expect_refused(allocators/a.c "#include \"../harness/check.h\"")
expect_refused(workloads/pyobj/a.c "#include \"harness/check.h\"")
expect_refused(workloads/a.c "#include \"tests/unit/a.h\"")
expect_refused(workloads/a.c "\t#include \"allocators/pymalloc/pymalloc.h\"")
expect_refused(harness/a.cpp "#include \"tests/conformance/a.h\"")
expect_refused(tests/conformance/a.c "#include \"harness/stats.h\"")
expect_refused(plots/a.py "import subprocess")
expect_refused(plots/deep/a.py "from ctypes import CDLL")

expect_allowed(allocators/a.c "#include \"allocators/backend.h\"")
expect_allowed(allocators/a.c "#include \"pab_backends.inc\"")
expect_allowed(workloads/a.c "#include \"allocators/gc/gc.h\"")
expect_allowed(harness/a.c "#include <stdio.h>")
expect_allowed(tests/conformance/a.c "#include \"harness/check.h\"")
expect_allowed(tests/unit/a.c "#include \"harness/stats.h\"")
expect_allowed(plots/a.py "import json")

judge(README.md "a tree without sources: nothing was read, so nothing was shown")
if(code EQUAL 0)
  message(SEND_ERROR "an empty tree passes")
endif()
