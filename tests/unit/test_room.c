/* harness/room.h: what is larger than the machine is refused, with its sizes; small things
 * never. */
#include "harness/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define GIB ((uint64_t)1 << 30)

static char why[256];

static void much_too_much_is_refused(void **state)
{
    (void)state;
    assert_true(pab_room_lacks(GIB << 20, why, sizeof(why)));
    assert_non_null(strstr(why, "1048576.0 GiB"));
    assert_non_null(strstr(why, "-p"));
    assert_in_range(pab_room_bytes(), 1, GIB << 20);
}

static void little_has_room(void **state)
{
    (void)state;
    assert_false(pab_room_lacks(0, why, sizeof(why)));
    assert_false(pab_room_lacks(PAB_ROOM_SMALL_BYTES, why, sizeof(why)));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SHADOW true /* a sanitizer's memory of memory takes more address space than the limit */
#else
#define HAS_SHADOW false
#endif

/* Of the address space that is allowed, inputs have their part. */
static void address_space_is_a_limit(void **state)
{
    (void)state;
    struct rlimit old;
    if (HAS_SHADOW) {
        skip();
    }
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    uint64_t room = pab_room_bytes();
    struct rlimit narrow = {.rlim_cur = PAB_INPUTS_RESERVE_BYTES + GIB / 2,
                            .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &narrow), 0);
    uint64_t narrowed = pab_room_bytes();
    assert_true(pab_room_lacks(GIB, why, sizeof(why)));
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    assert_true(narrowed <= GIB / 2);
    assert_true(room < GIB / 2 || narrowed == GIB / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(much_too_much_is_refused),
        cmocka_unit_test(little_has_room),
        cmocka_unit_test(address_space_is_a_limit),
    };
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
