#include "harness/compare/words.h"

#include <math.h>
#include <string.h>

const char *pab_words_percent(double share, char out[PAB_FIGURE_MAX])
{
    double percent = 100 * share;
    int digits = fabs(percent) >= 9.95 || percent == floor(percent) ? 0
                 : fabs(percent) >= 0.995                           ? 1
                                                                    : 2;
    snprintf(out, PAB_FIGURE_MAX, "%.*f %%", digits, percent);
    return out;
}

/* Four digits that count, but no fewer than are before the point. */
static int digits_after(double value)
{
    int before = value == 0 ? 1 : (int)floor(log10(fabs(value))) + 1;
    return before >= 4 ? 0 : before <= -2 ? 6 : 4 - (before < 1 ? 1 : before);
}

const char *pab_words_figure(double value, const char *unit, char out[PAB_FIGURE_MAX])
{
    static const char *const sizes[] = {"bytes", "KiB", "MiB", "GiB"};
    if (!isfinite(value)) {
        snprintf(out, PAB_FIGURE_MAX, "-");
    } else if (strcmp(unit, "bytes") == 0) {
        size_t i = 0;
        while (fabs(value) >= 1024 && i + 1 < ARRAY_COUNT(sizes)) {
            value /= 1024;
            i++;
        }
        snprintf(out, PAB_FIGURE_MAX, "%.*f %s", i == 0 ? 0 : 1, value, sizes[i]);
    } else if (value == floor(value) && fabs(value) < 1e15) {
        snprintf(out, PAB_FIGURE_MAX, "%.0f%s%s", value, strcmp(unit, "ns") == 0 ? " " : "",
                 strcmp(unit, "ns") == 0 ? unit : "");
    } else {
        snprintf(out, PAB_FIGURE_MAX, "%.*f%s%s", digits_after(value), value,
                 strcmp(unit, "ns") == 0 ? " " : "", strcmp(unit, "ns") == 0 ? unit : "");
    }
    return out;
}

const char *pab_words_ratio(double ratio, char out[PAB_FIGURE_MAX])
{
    if (!isfinite(ratio)) {
        snprintf(out, PAB_FIGURE_MAX, "-");
    } else if (ratio >= 100) {
        snprintf(out, PAB_FIGURE_MAX, "%.4g", ratio);
    } else {
        snprintf(out, PAB_FIGURE_MAX, "%.3f", ratio);
    }
    return out;
}

const char *pab_words_interval(double lo, double hi, char out[PAB_FIGURE_MAX])
{
    char low[PAB_FIGURE_MAX];
    char high[PAB_FIGURE_MAX];
    out[0] = '\0';
    if (isfinite(lo) && isfinite(hi)) {
        snprintf(out, PAB_FIGURE_MAX, "[%.12s, %.12s]", pab_words_ratio(lo, low),
                 pab_words_ratio(hi, high));
    }
    return out;
}

const char *pab_call_word(enum pab_call call, enum pab_family family)
{
    static const char *const words[PAB_CALL_COUNT] = {
        [PAB_CALL_BETTER] = "better",
        [PAB_CALL_WORSE] = "worse",
        [PAB_CALL_EQUIVALENT] = "equivalent",
        [PAB_CALL_UNDECIDED] = "cannot tell",
        [PAB_CALL_NOT_JUDGED] = "",
        [PAB_CALL_NEW] = "new",
        [PAB_CALL_GONE] = "gone",
        [PAB_CALL_FAILED] = "failed",
    };
    bool is_time = family == PAB_FAMILY_TIME;
    if (call == PAB_CALL_BETTER && (is_time || family == PAB_FAMILY_MEMORY)) {
        return is_time ? "faster" : "smaller";
    }
    if (call == PAB_CALL_WORSE && (is_time || family == PAB_FAMILY_MEMORY)) {
        return is_time ? "slower" : "larger";
    }
    if (family == PAB_FAMILY_STRUCTURE && call == PAB_CALL_WORSE) {
        return "differs";
    }
    if (family == PAB_FAMILY_STRUCTURE && call == PAB_CALL_EQUIVALENT) {
        return "equal";
    }
    return words[call];
}
