# Registries: one list in CMake, everything else generated from it.
#
#   pab_add_backend(jemalloc)        compiles jemalloc.c, registers pab_backend_jemalloc
#   pab_add_workload(small_ints)     compiles small_ints.c, registers pab_workload_small_ints
#   pab_add_checks(lifetime)         compiles lifetime.c, registers pab_checks_lifetime
#   pab_add_pass(memory)             compiles pass_memory.c, registers pab_pass_memory
#
# registry.c includes the generated file twice under two definitions of the macro: once for the
# extern declarations, once for the array.
function(pab_add_backend id)
  target_sources(pab_allocators PRIVATE ${id}.c)
  set_property(GLOBAL APPEND PROPERTY PAB_BACKENDS ${id})
endfunction()

function(pab_add_workload id)
  target_sources(pab_workloads PRIVATE ${id}.c)
  set_property(GLOBAL APPEND PROPERTY PAB_WORKLOADS ${id})
endfunction()

# Without a second build on the C API (workloads/capi).
function(pab_add_threaded_workload id)
  target_sources(pab_workloads PRIVATE ${id}.c)
  set_property(GLOBAL APPEND PROPERTY PAB_THREADED_WORKLOADS ${id})
endfunction()

function(pab_add_checks id)
  target_sources(pab_conformance PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${id}.c)
  set_property(GLOBAL APPEND PROPERTY PAB_CHECKS ${id})
endfunction()

function(pab_add_pass id)
  target_sources(pab_harness PRIVATE pass_${id}.c)
  set_property(GLOBAL APPEND PROPERTY PAB_PASSES ${id})
endfunction()

# Call after the last line of a list.
function(pab_write_registry property macro file)
  get_property(ids GLOBAL PROPERTY ${property})
  list(TRANSFORM ids REPLACE "(.+)" "${macro}(\\1)\n")
  list(JOIN ids "" text)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/${file} CONTENT "${text}" @ONLY)
endfunction()
