cmake_minimum_required(VERSION 3.21)
# Writes harness/version.h; run at every build, touches the file only when something changed.
#   cmake -DSOURCE=... -DOUT=... -DVERSION=... -DCOMPILER=... -DCFLAGS=... -DBUILD_TYPE=... -P
set(commit "unknown")
find_program(GIT git)
if(GIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT} -C ${SOURCE} describe --always --abbrev=12 --dirty
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit ${described})
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT
"/* Generated at build time. */
#ifndef PAB_HARNESS_VERSION_H
#define PAB_HARNESS_VERSION_H
#define PAB_VERSION    \"@VERSION@\"
#define PAB_GIT_COMMIT \"@commit@\"
#define PAB_COMPILER   \"@COMPILER@\"
#define PAB_CFLAGS     \"@CFLAGS@\"
#define PAB_BUILD_TYPE \"@BUILD_TYPE@\"
#endif
" @ONLY)
