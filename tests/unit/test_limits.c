/* What a process may use: control groups of both versions, as files in a folder of the test's. */
#include "harness/limits.h"

#include "tests/unit/machine_fixture.h"

#define MIB ((uint64_t)1 << 20)

static struct pab_limits limits;

static int make_machine_with_memory(void **state)
{
    int made = make_machine(state);
    put("proc/meminfo", "MemTotal:       9000000 kB\nMemAvailable:    4194304 kB\n");
    return made;
}

static void expect_mib(uint64_t mib)
{
    pab_limits_read(machine_root, &limits);
    assert_int_equal(limits.memory_bytes, mib * MIB);
}

/* Of one CPU and not more: every machine has so many. */
static void expect_one_cpu(const char *path, const char *text)
{
    put(path, text);
    pab_limits_read(machine_root, &limits);
    assert_int_equal(limits.cpus, 1);
}

static void without_groups(void **state)
{
    (void)state;
    expect_mib(4096);
    assert_true(limits.cpus > 0);
}

static void nothing_to_read(void **state)
{
    (void)state;
    pab_limits_read("/none", &limits);
    assert_true(limits.memory_bytes >= (uint64_t)INT64_MAX);
    assert_true(limits.cpus > 0);
}

static void unified_groups(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/user/one\n");
    put("sys/fs/cgroup/user/one/memory.max", "max\n");
    expect_mib(4096);
    put("sys/fs/cgroup/user/memory.max", "1073741824\n"); /* of the group above */
    expect_mib(1024);
    put("sys/fs/cgroup/user/one/memory.max", "536870912\n");
    expect_mib(512);
    put("sys/fs/cgroup/memory.max", "268435456\n"); /* as a container mounts its own group */
    expect_mib(256);
    unsigned cpus = limits.cpus;
    put("sys/fs/cgroup/user/cpu.max", "max 100000\n");
    expect_mib(256);
    assert_int_equal(limits.cpus, cpus);
    expect_one_cpu("sys/fs/cgroup/user/cpu.max", "50000 100000\n");
}

static void groups_of_one_controller(void **state)
{
    (void)state;
    put("proc/self/cgroup", "9:name=systemd:/\n8:memory:/a\n7:cpu,cpuacct:/b\n0::/\nnone\n");
    put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/b/memory.limit_in_bytes", "1\n"); /* somebody else's */
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    expect_mib(4096);
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
    expect_mib(512);
    expect_one_cpu("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_groups, make_machine_with_memory, remove_machine),
        cmocka_unit_test(nothing_to_read),
        cmocka_unit_test_setup_teardown(unified_groups, make_machine_with_memory, remove_machine),
        cmocka_unit_test_setup_teardown(groups_of_one_controller, make_machine_with_memory,
                                        remove_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
