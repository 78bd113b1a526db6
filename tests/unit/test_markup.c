/* Text from anywhere is no markup, wherever it stands in a line. */
#include "harness/markup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_markdown(const char *text, const char *wanted)
{
    char *made = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&made, &bytes);
    assert_non_null(file);
    pab_markdown_text(file, text);
    fclose(file);
    assert_string_equal(made, wanted);
    free(made);
}

static void markup_within_a_line(void **state)
{
    (void)state;
    expect_markdown("a|b <i> `c` [d] *e*", "a\\|b \\<i> \\`c\\` \\[d\\] \\*e\\*");
    expect_markdown("list_growth _x_", "list_growth \\_x\\_");
    expect_markdown("two\nlines", "two lines");
}

static void markup_at_its_start(void **state)
{
    (void)state;
    expect_markdown("# a heading # 2", "\\# a heading # 2");
    expect_markdown("  ## deeper", "  \\## deeper");
    expect_markdown("> a quotation > 1", "\\> a quotation > 1");
    expect_markdown("\n> after a newline", " \\> after a newline");
    expect_markdown("issue #1, a -> b", "issue #1, a -> b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_within_a_line),
        cmocka_unit_test(markup_at_its_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
