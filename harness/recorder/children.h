/* harness/recorder/children.h -- notices the programs that this one begins. Depends on libc alone. */
#ifndef PAB_HARNESS_RECORDER_CHILDREN_H
#define PAB_HARNESS_RECORDER_CHILDREN_H

/* Finds libc's functions. At the beginning, as an exec must not ask the loader: another thread may
 * hold its lock, and wait for the one that is suspended while its child of vfork() execs. */
void pab_children_resolve(void);

#endif
