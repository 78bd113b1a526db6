# No two functions of ours have one name: of two archives the linker would silently take the first.
#   cmake -D NM=PROGRAM -D ARCHIVES=A;B;... -P tests/symbols.cmake     one line for each name
cmake_minimum_required(VERSION 3.21)

set(seen "")
foreach(archive IN LISTS ARCHIVES)
  execute_process(COMMAND ${NM} --defined-only --extern-only --format=posix ${archive}
    OUTPUT_VARIABLE lines ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "(^|\n)pab_[a-zA-Z0-9_]+ [TDBR]" found "${lines}")
  list(TRANSFORM found REPLACE "^\n?(pab_[a-zA-Z0-9_]+) .$" "\\1")
  list(LENGTH found count)
  if(count EQUAL 0)
    message(SEND_ERROR "${archive} defines nothing: is it an archive of ours?")
  endif()
  list(APPEND seen ${found})
endforeach()

list(SORT seen)
set(last "")
foreach(name IN LISTS seen)
  if(name STREQUAL last)
    message(SEND_ERROR "${name} is defined twice")
  endif()
  set(last ${name})
endforeach()
