/* tests/unit/machine_fixture.h -- a machine as files in a folder of the test's: /proc, /sys. */
#ifndef PAB_TESTS_UNIT_MACHINE_FIXTURE_H
#define PAB_TESTS_UNIT_MACHINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char machine_root[64];

static inline void put(const char *path, const char *text)
{
    char command[512];
    snprintf(command, sizeof(command), "mkdir -p \"$(dirname %s/%s)\"", machine_root, path);
    assert_int_equal(system(command), 0);
    char whole[256];
    snprintf(whole, sizeof(whole), "%s/%s", machine_root, path);
    FILE *file = fopen(whole, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static inline int make_machine(void **state)
{
    (void)state;
    snprintf(machine_root, sizeof(machine_root), "/tmp/pab-machine-XXXXXX");
    return mkdtemp(machine_root) == NULL ? -1 : 0;
}

static inline int remove_machine(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", machine_root);
    return system(command);
}

#endif
