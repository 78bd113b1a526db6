/* The reader of documents: whatever is none of ours is refused in one line that names the place. */
#include "tests/unit/small_document.h"

static void expect_refused(const char *text, size_t length, enum pab_status wanted,
                           const char *says)
{
    struct pab_reading *reading = NULL;
    struct pab_error err = {0};
    enum pab_status status =
        pab_reading_parse("t.json", (const unsigned char *)text, length, &reading, &err);
    if (status != wanted || strstr(err.text, says) == NULL) {
        fail_msg("status %d, '%s'; wanted %d, '...%s...'", (int)status, err.text, (int)wanted,
                 says);
    }
    assert_null(reading);
    assert_int_equal(strncmp(err.text, "t.json: ", 8), 0);
    assert_null(strpbrk(err.text, "\n\r\033"));
}

#define DEEP10(open) open open open open open open open open open open
#define SCHEMA       "\"schema\":\"pyallocbench-results/1\""

static const struct {
    const char *from, *to, *says;
} refusals[] = {
    /* numbers */
    {"\"round\":1", "\"round\":-1", "samples[0]: round is -1, not a whole number"},
    {"\"round\":1", "\"round\":1.5", "samples[0]: round is 1.5"},
    {"\"round\":1", "\"round\":10000000", "samples[0]: round is 10000000"},
    {"\"round\":1", "\"round\":\"1\"", "samples[0]: round holds a text"},
    {"\"round\":1", "\"round\":null", "samples[0]: round holds null"},
    {"\"round\":1", "\"round\":true", "samples[0]: round holds a truth value"},
    {"\"round\":1", "\"round\":NaN", "holds NaN near byte"},
    {"\"round\":1", "\"round\":-nan", "holds -nan near byte"},
    {"\"round\":1", "\"round\":Infinity", "holds Infinity near byte"},
    {"\"seed\":7", "\"seed\":-Infinity", "holds -Infinity near byte"},
    {"\"round\":1", "\"round\":nothing", "is not JSON"},
    {"\"ops\":10", "\"ops\":1e-320", "samples[0]: ops is 9.9998886718268301e-321, not a"},
    {"\"ops\":10", "\"ops\":0.5", "samples[0]: ops is 0.5, not a whole number within 0..9007"},
    {"\"cold_ns\":900", "\"cold_ns\":-900", "samples[0]: cold_ns holds -900"},
    {"\"cold_ns\":900", "\"cold_ns\":1e999", "samples[0]: 1e999 is a number beyond"},
    {"\"cold_ns\":900", "\"cold_ns\":9007199254740994", "samples[0]: cold_ns holds"},
    {"\"cold_ns\":900", "\"cold_ns\":[900]", "samples[0]: cold_ns holds an array"},
    {"[100,120,110]", "[100,-120,110]", "samples[0]: reps_wall_ns holds -120"},
    {"[100,120,110]", "[100,null,110]", "samples[0]: reps_wall_ns holds null"},
    {"[100,120,110]", "[100,[120],110]", "samples[0]: reps_wall_ns holds an array"},
    {"[100,120,110]", "{\"a\":100}", "samples[0]: reps_wall_ns holds an object"},
    {"[100,120,110]", "100", "samples[0]: reps_wall_ns holds 100"},
    {"\"peak_rss_bytes\":4096", "\"peak_rss_bytes\":-1", "samples[3]: peak_rss_bytes holds -1"},
    {"\"f_peak\":1.5", "\"f_peak\":1e300", "samples[3]: f_peak is"},
    {"\"value\":0.5", "\"value\":\"x\"", "samples[3]: value holds a text"},
    {"[{\"after_ms\":0,\"value\":0.5},", "[3,", "samples[3]: f_ret holds the number 3"},
    {"\"pools\":7", "\"pools\":-7", "samples[3]: pools is -7"},
    {"\"pools\":7", "\"pools\":null", "samples[3]: a figure holds null"},
    {"\"pools\":7", "\"pools\":{}", "samples[3]: a figure holds an object"},
    {"\"mmap\":3", "\"mmap\":-3", "samples[4]: mmap is -3"},
    {"\"mmap\":3", "\"\":3", "samples[4]: a figure's name has 0 bytes"},
    {"\"seed\":7", "\"seed\":99999999999999999999", "seed: 99999999999999999999 is a number"},
    {"\"seed\":7", "\"seed\":1e400", "seed: 1e400 is a number beyond"},
    {"\"signal\":0}],\"control\"", "\"signal\":-9}],\"control\"", "samples[4]: signal is -9"},
    /* keys */
    {"\"round\":1", "\"round\":1,\"round\":1", "samples[0]: round is there twice"},
    {"\"mmap\":3", "\"mmap\":3,\"mmap\":4", "samples[4]: kernel.mmap is there twice"},
    {"\"pools\":7", "\"arenas\":2", "samples[3]: structure.arenas is there twice"},
    {"\"after_ms\":0", "\"after_ms\":0,\"after_ms\":0", "samples[3]: after_ms is there twice"},
    {"\"mem\":null", "\"mem\":null,\"mem\":null", "samples[0]: mem is there twice"},
    {"\"seed\":7", "\"seed\":7,\"seed\":7", "seed is there twice"},
    {"\"timelines\":", "\"samples\":[],\"timelines\":", "samples is there twice"},
    {"\"context\":", "\"pyallocbench\":{},\"context\":", "pyallocbench is there twice"},
    {"{\"id\":\"system\"", "{\"id\":\"system\",\"id\":\"system\"",
     "backends[0]: id is there twice"},
    {"\"round\":1,", "", "samples[0]: it has no round"},
    {"\"checksum\":" AA ",\"minflt\"", "\"minflt\"", "samples[0]: it has no checksum"},
    {"\"exit\":0,", "", "samples[0]: it has no exit"},
    {"\"baseline\":\"system\",", "", "has no baseline"},
    {"\"failures\":", "\"mistakes\":", "has no failures"},
    /* names and what they name */
    {"\"workload\":\"ints\"", "\"workload\":\"floats\"", "samples[0]: the workload floats is none"},
    {"\"backend\":\"system\"", "\"backend\":\"s\\u0000\"", "samples[0]: backend is a name of 2"},
    {"\"backend\":\"system\"", "\"backend\":\"\"", "samples[0]: backend is a name of 0"},
    {"\"backend\":\"system\"", "\"backend\":\"\\u001b[31m\"", "the backend ?[31m is none"},
    {"\"backend\":\"system\"", "\"backend\":3", "samples[0]: backend is the number 3"},
    {"\"baseline\":\"system\"", "\"baseline\":\"other\"", "baseline: is none of its backends"},
    {"\"baseline\":\"system\"", "\"baseline\":null", "baseline: is none of its backends"},
    {"{\"id\":\"pymalloc\"", "{\"id\":\"system\"", "backends[1]: system is there twice"},
    {"{\"id\":\"gone\"", "{\"id\":\"go\\u001b[31mne\"", "backends[2]: its id is no plain text"},
    {"{\"id\":\"gone\"", "{\"id\":\"go\\nne\"", "backends[2]: its id is no plain text"},
    {"\"mmap\":3", "\"mm\\nap\":3", "samples[4]: the name of its figure kernel.mm?ap is no plain"},
    {"{\"id\":\"pymalloc\"", "{\"id\":3", "backends[1]: its id is not a name"},
    {"\"checksum\":" AA ",\"minflt\"", "\"checksum\":\"AA\",\"minflt\"", "samples[0]: checksum is"},
    {"\"checksum\":" AA ",\"minflt\"", "\"checksum\":7,\"minflt\"", "samples[0]: checksum is the"},
    {"\"pass\":\"kernel\"", "\"pass\":\"kernel.mmap\"", "samples[4]: its pass kernel.mmap"},
    {"\"pass\":\"memory\"", "\"pass\":\"kernel\"", "samples[3]: it has mem, and is of another"},
    {"\"pass\":\"kernel\"", "\"pass\":\"structure\"", "samples[4]: its pass structure"},
    {"\"round\":1", "\"round\":0", "a second sample of ints, system, round 0 of pass time"},
    {"\"control\":[", "\"control\":[" TIME_ROW("system", "0", "1", AA, "1") ",",
     "control[1]: a second sample"},
    /* hosts */
    {"\"minflt\":1", "\"host\":1,\"minflt\":1", "samples[0]: its host is none of hosts[]"},
    {"\"seed\":7", "\"seed\":7,\"hosts\":[]", "hosts: is no array of 1 to"},
    {"\"minflt\":1", "\"host\":999,\"minflt\":1", "samples[0]: host is 999"},
    /* shapes */
    {"\"samples\":[\n{", "\"samples\":[\n3,{", "samples is no array of objects"},
    {"\"samples\":[\n{", "\"samples\":[\n[],{", "samples is no array of objects"},
    {"\"samples\":[\n{", "\"samples\":{},\"was\":[\n{", "samples is no array of objects"},
    {"\"samples\":[\n{", "\"samples\":null,\"was\":[\n{", "samples is no array of objects"},
    {"\"backends\":[{", "\"backends\":3,\"was\":[{", "backends: is no array"},
    {"\"backends\":[{", "\"backends\":[7,{", "backends[0]: its id is not a name"},
    {"\"failures\":[{", "\"failures\":{},\"was\":[{", "failures: is no array"},
    {"\"failures\":[{", "\"failures\":[0,{", "failures[0]: is no object"},
    {"\"pyallocbench\":{", "\"pyallocbench\":[],\"was\":{", "is no results document"},
    {"\"pyallocbench\":{", "\"pyallocbench\":0,\"was\":{", "is no results document"},
    {"\"pyallocbench\":{", "\"other\":{", "is no results document"},
    {SCHEMA, "\"schema\":\"other/1\"", "is no results document"},
    {SCHEMA, "\"schema\":1", "is no results document"},
    {SCHEMA ",", "", "is no results document"},
    {"\"preset\":\"quick\"", "\"preset\":\"check\"", "holds no measurements"},
    /* size */
    {"[[[1]]]", DEEP10(DEEP10("[")), "is nested deeper"},
    {"\"seed\":7", "\"seed\":" DEEP10(DEEP10("[")), "is nested deeper"},
    {"\"minflt\":1", "\"minflt\":" DEEP10(DEEP10("{\"a\":")), "is nested deeper"},
    {"[100,120,110]", "[1" DEEP10(DEEP10(",1")) "]", "samples[0]: reps_wall_ns has more than 64"},
    {"\"seed\":7", "\"" DEEP10(DEEP10("k")) "\":7", "is none of ours"},
    /* grammar */
    {"\"seed\":7", "\"seed\":07", "is not JSON"},
    {"\"seed\":7", "\"seed\":\"\xff\"", "is not JSON"},
    {"\"seed\":7", "\"seed\":\"\\ud800\\udc\"", "is not JSON"},
    {"\"seed\":7", "'seed':7", "is not JSON"},
    {"\"seed\":7,", "\"seed\":7,,", "is not JSON"},
    {"\"list\":[[[1]]]", "\"list\":[[[1]}]", "is not JSON"},
    {"\"cpu\":1e3", "\"cpu\":1e", "is not JSON"},
    {"{\"context\"", "// text\n{\"context\"", "is not JSON"},
    {"{\"context\"", "[{\"context\"", "is no results document"},
    {"{\"context\"", "3 {\"context\"", "is no results document"},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
        char *text = edited(refusals[i].from, refusals[i].to);
        expect_refused(text, strlen(text), PAB_BAD_DATA, refusals[i].says);
        free(text);
    }
}

/* Every beginning of a document, and a document with something behind it. */
static void cut_or_glued(void **state)
{
    (void)state;
    size_t whole = strlen(document) - 1; /* without the line end */
    for (size_t length = 0; length < whole; length++) {
        expect_refused(document, length, PAB_BAD_DATA, "is cut short");
    }
    char twice[2 * sizeof(document)];
    snprintf(twice, sizeof(twice), "%s%s", document, document);
    expect_refused(twice, strlen(twice), PAB_BAD_DATA, "is not JSON");
}

/* One sample without is not counted; of nothing but such ones only the memory would be told. */
static void no_operations(void **state)
{
    (void)state;
    static const char *const others[] = {"\"ops\": 0", "\"xps\":10"};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        char *text = edited("\"seed\":7", "\"seed\":8");
        for (char *at = text; (at = strstr(at, "\"ops\":10")) != NULL; at++) {
            memcpy(at, others[i], strlen(others[i]));
        }
        expect_refused(text, strlen(text), PAB_BAD_DATA,
                       "samples[0]: it did no operations (ops), nor did");
        free(text);
    }
}

/* Whatever it holds: it is not ours to judge. */
static void newer_schema(void **state)
{
    (void)state;
    char *newer = edited(SCHEMA, "\"schema\":\"pyallocbench-results/2\"");
    expect_refused(newer, strlen(newer), PAB_NOT_COMPARABLE, "use a newer one");
    free(newer);
    char *late = edited(SCHEMA, "\"control\":[{\"round\":-1}],\"seeds\":-1e999,"
                                "\"schema\":\"pyallocbench-results/2\"");
    expect_refused(late, strlen(late), PAB_NOT_COMPARABLE, "use a newer one");
    free(late);
    char *odd = edited(SCHEMA, "\"seeds\":{\"a\":[1e999]}," SCHEMA);
    expect_refused(odd, strlen(odd), PAB_BAD_DATA, "seeds: 1e999 is a number");
    free(odd);
    char *ours = edited(SCHEMA, "\"control\":[{\"round\":-1}]," SCHEMA);
    expect_refused(ours, strlen(ours), PAB_BAD_DATA, "control[0]: round is -1");
    free(ours);
}

/* Numbers at the limits of what a document may hold. */
static void large_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double wanted;
    } numbers[] = {
        {"9007199254740992", 900719925474099.2},
        {"9.007199254740992e15", 900719925474099.2},
        {"0", 0},
        {"-0", 0},
        {"0.5", 0.05},
        {"1E2", 10},
        {"00000000000000000000000000000001.0000", -1},
        {"1." DEEP10("000000") "0000001", -1},
        {"123456789012345.125", 12345678901234.5125},
    };
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        char to[128];
        snprintf(to, sizeof(to), "\"cold_ns\":%s", numbers[i].text);
        char *text = edited("\"cold_ns\":900", to);
        if (numbers[i].wanted < 0) { /* no number of JSON's, or one that nobody writes */
            expect_refused(text, strlen(text), PAB_BAD_DATA, "JSON");
        } else {
            struct pab_reading *reading = parse(text);
            const struct pab_series *cold = series_of(reading, "system", "cold_ns_per_op");
            expect_number(cold, 1, numbers[i].wanted);
            pab_reading_close(reading);
        }
        free(text);
    }
}

static void files(void **state)
{
    (void)state;
    struct pab_reading *reading = NULL;
    struct pab_error err = {0};
    assert_int_equal(pab_reading_open("/nowhere/at.json", &reading, &err), PAB_IO);
    assert_non_null(strstr(err.text, "cannot read /nowhere/at.json"));
    assert_int_equal(pab_reading_open("/proc/self", &reading, &err), PAB_IO);
    assert_int_equal(pab_reading_open("/dev/null", &reading, &err), PAB_BAD_DATA);
    assert_int_equal(pab_reading_open("/dev/zero", &reading, &err), PAB_BAD_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),       cmocka_unit_test(cut_or_glued),
        cmocka_unit_test(newer_schema),  cmocka_unit_test(large_numbers),
        cmocka_unit_test(no_operations), cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
