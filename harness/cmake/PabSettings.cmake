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

if(PAB_SANITIZE)
  list(JOIN PAB_SANITIZE "," pab_sanitizers)
  target_compile_options(pab_settings INTERFACE
    -fsanitize=${pab_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(pab_settings INTERFACE -fsanitize=${pab_sanitizers})
endif()
