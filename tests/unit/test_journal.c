/* The journal: what was added is on disk, and a cut-off end costs one line. */
#include "harness/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/pab-journal-XXXXXX";
static char document[64];
static char partial[80];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(document, sizeof(document), "%s/run.json", folder);
    snprintf(partial, sizeof(partial), "%s.partial", document);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char aside[96];
    for (int number = 1; number < 100; number++) {
        snprintf(aside, sizeof(aside), "%s.%d.bak", partial, number);
        unlink(aside);
    }
    unlink(partial);
    return rmdir(folder);
}

static struct pab_journal *create(void)
{
    struct pab_journal *journal = NULL;
    struct pab_error err = {0};
    enum pab_status status =
        pab_journal_create(document, json_pack("{s:s}", "run_id", "x"), &journal, &err);
    if (status != PAB_OK) {
        fail_msg("%s", err.text);
    }
    return journal;
}

static void add_samples(struct pab_journal *journal, int count)
{
    struct pab_error err = {0};
    for (int i = 0; i < count; i++) {
        assert_int_equal(pab_journal_reserve(journal, &err), PAB_OK);
        assert_int_equal(pab_journal_add_one(journal, "samples", json_pack("{s:i}", "i", i), &err),
                         PAB_OK);
    }
}

static size_t resumed_samples(struct pab_error *err)
{
    struct pab_journal *journal = NULL;
    assert_int_equal(pab_journal_resume(document, &journal, err), PAB_OK);
    size_t count = json_array_size(pab_journal_array(journal, "samples"));
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(pab_journal_array(journal, "samples"), i);
        assert_int_equal(json_integer_value(json_object_get(row, "i")), i);
    }
    pab_journal_close(journal, true);
    return count;
}

static void samples_come_back(void **state)
{
    (void)state;
    struct pab_error err = {0};
    struct pab_journal *journal = create();
    add_samples(journal, 5);
    pab_journal_close(journal, true);
    assert_int_equal(resumed_samples(&err), 5);
    struct stat file;
    assert_int_equal(stat(partial, &file), 0);
    assert_true(file.st_size < 1000); /* the reserved room was given back */
}

static void every_cut_costs_one_line(void **state)
{
    (void)state;
    struct pab_error err = {0};
    struct pab_journal *journal = create();
    add_samples(journal, 3);
    pab_journal_close(journal, true);
    struct stat file;
    assert_int_equal(stat(partial, &file), 0);
    off_t line = (off_t)strlen("{\"samples\":{\"i\":2}}\n");
    for (off_t cut = 1; cut < line; cut++) {
        journal = create();
        add_samples(journal, 3);
        pab_journal_close(journal, true);
        assert_int_equal(truncate(partial, file.st_size - cut), 0);
        assert_int_equal(resumed_samples(&err), 2);
        assert_int_equal(resumed_samples(&err), 2); /* the half line is gone from the disk too */
    }
}

static void an_old_journal_is_kept(void **state)
{
    (void)state;
    unlink(partial);
    struct pab_journal *journal = create();
    assert_null(pab_journal_aside(journal));
    add_samples(journal, 2);
    pab_journal_close(journal, true);
    journal = create();
    struct stat file;
    assert_int_equal(stat(pab_journal_aside(journal), &file), 0);
    assert_true(file.st_size > 0);
    pab_journal_close(journal, false);
    assert_int_not_equal(stat(partial, &file), 0); /* a finished one leaves nothing */
}

static void one_run_at_a_time(void **state)
{
    (void)state;
    struct pab_journal *journal = create();
    struct pab_journal *second = NULL;
    struct pab_error err = {0};
    add_samples(journal, 1);
    json_t *header = json_object();
    assert_int_equal(pab_journal_create(document, header, &second, &err), PAB_USAGE);
    assert_non_null(strstr(err.text, "another run"));
    assert_int_equal(pab_journal_resume(document, &second, &err), PAB_USAGE);
    pab_journal_close(journal, true);
    assert_int_equal(resumed_samples(&err), 1);
}

/* Only the end of a file can be torn; anything else is damage that must not be cut away. */
static void damage_in_the_middle_is_refused(void **state)
{
    (void)state;
    struct pab_error err = {0};
    struct pab_journal *journal = create();
    add_samples(journal, 3);
    pab_journal_close(journal, true);
    struct stat before;
    struct stat after;
    assert_int_equal(stat(partial, &before), 0);
    FILE *file = fopen(partial, "r+");
    assert_non_null(file);
    fseek(file, before.st_size / 2, SEEK_SET);
    fputc('\x01', file);
    fclose(file);
    assert_int_equal(pab_journal_resume(document, &journal, &err), PAB_BAD_DATA);
    assert_non_null(strstr(err.text, "damaged"));
    assert_int_equal(stat(partial, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    struct pab_error err = {0};
    struct pab_journal *journal = NULL;
    unlink(partial);
    assert_int_equal(pab_journal_resume(document, &journal, &err), PAB_USAGE);
    FILE *file = fopen(partial, "w");
    assert_non_null(file);
    fputs("not a journal\n", file);
    fclose(file);
    assert_int_equal(pab_journal_resume(document, &journal, &err), PAB_BAD_DATA);
    assert_non_null(strstr(err.text, "damaged"));
    assert_int_equal(truncate(partial, 0), 0);
    assert_int_equal(pab_journal_resume(document, &journal, &err), PAB_BAD_DATA);
    assert_non_null(strstr(err.text, "no journal"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_come_back),
        cmocka_unit_test(every_cut_costs_one_line),
        cmocka_unit_test(an_old_journal_is_kept),
        cmocka_unit_test(one_run_at_a_time),
        cmocka_unit_test(damage_in_the_middle_is_refused),
        cmocka_unit_test(foreign_files_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
