# Arrows point one way: plots -> results <- harness -> workloads -> allocators -> libc.
#   cmake -D ROOT=DIR -P tests/layers.cmake        one line for each arrow that points elsewhere
cmake_minimum_required(VERSION 3.21)

# What a file may include, and what it may not all the same ("^$" matches no include).
function(find_rule file)
  set(forbidden "^$")
  if(file MATCHES "^allocators/")
    set(allowed "^allocators/")
  elseif(file MATCHES "^workloads/")
    set(allowed "^(workloads|allocators)/")
    set(forbidden "^allocators/(pymalloc/|dso\\.h)") # a workload knows no particular backend
  elseif(file MATCHES "^harness/")
    set(allowed "^(harness|workloads|allocators)/")
  elseif(file MATCHES "^tests/conformance/")
    set(allowed "^(tests/conformance/|harness/check\\.h$|workloads/|allocators/)")
  else()
    set(allowed "^(tests|harness|workloads|allocators)/")
  endif()
  set(allowed "${allowed}" PARENT_SCOPE)
  set(forbidden "${forbidden}" PARENT_SCOPE)
endfunction()

# Quoted includes name files of ours, in full from the top; so do angled ones that name a folder
# of ours. A generated registry (pab_*.inc) is free to all.
function(check_source file)
  find_rule("${file}")
  file(STRINGS "${ROOT}/${file}" lines REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^[^<\"]*[<\"]([^>\"]*).*$" "\\1" included "${line}")
    if(line MATCHES "include[ \t]*<" AND
       NOT included MATCHES "^(\\.|tests/|plots/|harness/|workloads/|allocators/)")
      continue()
    endif()
    if(included MATCHES "^pab_[a-z_]+\\.inc$")
      continue()
    endif()
    if(included MATCHES "${forbidden}" OR NOT included MATCHES "${allowed}")
      message(SEND_ERROR "${file} includes ${included}: that arrow is not allowed")
    endif()
  endforeach()
endfunction()

# A picture is made from a document alone: it runs no program and loads no library.
function(check_plot file)
  file(STRINGS "${ROOT}/${file}" lines
    REGEX "^[ \t]*(import|from)[ \t]+(subprocess|ctypes|cffi|multiprocessing)")
  if(lines)
    message(SEND_ERROR "${file} reaches beyond the results document: ${lines}")
  endif()
endfunction()

set(count 0)
foreach(folder allocators workloads harness tests)
  file(GLOB_RECURSE sources RELATIVE "${ROOT}" "${ROOT}/${folder}/*.c" "${ROOT}/${folder}/*.h"
    "${ROOT}/${folder}/*.cpp" "${ROOT}/${folder}/*.inc")
  foreach(source IN LISTS sources)
    check_source("${source}")
    math(EXPR count "${count} + 1")
  endforeach()
endforeach()
file(GLOB_RECURSE scripts RELATIVE "${ROOT}" "${ROOT}/plots/*.py")
foreach(script IN LISTS scripts)
  check_plot("${script}")
  math(EXPR count "${count} + 1")
endforeach()
if(count EQUAL 0)
  message(SEND_ERROR "no sources under ${ROOT}")
endif()
message(STATUS "layers: ${count} files read")
