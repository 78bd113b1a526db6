# Compiler settings of every target of ours, carried by one INTERFACE target.
add_library(pab_settings INTERFACE)
target_include_directories(pab_settings INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_features(pab_settings INTERFACE c_std_17 cxx_std_17)
target_compile_definitions(pab_settings INTERFACE _GNU_SOURCE PAB_CHECK_LEVEL=${PAB_CHECK_LEVEL}
  $<$<EQUAL:${PAB_CHECK_LEVEL},0>:NDEBUG>)
# -fno-builtin-malloc and friends: a compiler may delete malloc/free pairs that it understands.
target_compile_options(pab_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
  $<$<BOOL:${PAB_WERROR}>:-Werror>)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")

# What is measured is optimised at link time: workloads inline the object model, as an interpreter
# inlines its own, and the allocator's share of the time is not diluted by calls. An allocator is
# still called through a table that is filled at run time. The archives hold machine code, too:
# tests link that, in a fraction of the time.
set(PAB_LINK_TIME OFF)
if(PAB_LTO AND CMAKE_C_COMPILER_ID STREQUAL GNU AND PAB_CHECK_LEVEL EQUAL 0 AND NOT PAB_SANITIZE)
  set(PAB_LINK_TIME ON)
  target_link_options(pab_settings INTERFACE
    $<IF:$<BOOL:$<TARGET_PROPERTY:PAB_LINK_TIME>>,-flto=auto,-fno-lto>)
endif()

function(pab_link_time_archive)
  if(PAB_LINK_TIME)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -flto -ffat-lto-objects)
    endforeach()
  endif()
endfunction()

if(PAB_SANITIZE)
  list(JOIN PAB_SANITIZE "," pab_sanitizers)
  target_compile_options(pab_settings INTERFACE
    -fsanitize=${pab_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(pab_settings INTERFACE -fsanitize=${pab_sanitizers})
endif()
