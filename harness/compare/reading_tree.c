#include "harness/compare/reading_state.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- numbers ---------------------------------------------------------------------------------- */

static bool is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

bool pab_reading_number(const char *text, size_t length, double *out)
{
    if (length <= 15 && is_plain(text, length)) { /* most are, and no double is in between */
        uint64_t value = 0;
        for (size_t i = 0; i < length; i++) {
            value = 10 * value + (uint64_t)(text[i] - '0');
        }
        *out = (double)value;
        return true;
    }
    char copy[64];
    if (length >= sizeof(copy)) {
        return false; /* nobody writes a number with so many digits */
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    *out = strtod(copy, NULL);
    return isfinite(*out) != 0;
}

static json_t *number_to_json(const char *text, size_t length)
{
    char copy[32];
    if (length < sizeof(copy) && memchr(text, '.', length) == NULL &&
        memchr(text, 'e', length) == NULL && memchr(text, 'E', length) == NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
        errno = 0;
        long long whole = strtoll(copy, NULL, 10);
        return errno == 0 ? json_integer(whole) : NULL;
    }
    double value = 0;
    return pab_reading_number(text, length, &value) ? json_real(value) : NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

/* Where it is: a row of an array has been added before what is in it. */
static size_t index_now(const struct pab_tree *tree)
{
    if (!json_is_array(tree->root)) {
        return SIZE_MAX;
    }
    return json_array_size(tree->root) - (tree->depth > 1);
}

static bool refuse(const struct pab_tree *tree, const char *format, const char *what)
{
    char text[160];
    snprintf(text, sizeof(text), format, what);
    pab_reading_refuse(tree->reading, tree->err, tree->name, index_now(tree), "%s", text);
    return false;
}

bool pab_tree_key(struct pab_tree *tree, const char *text, size_t length)
{
    json_t *object = tree->open[tree->depth - 1];
    struct pab_reading_shown shown = pab_reading_show(text, length);
    if (length > PAB_READING_NAME_MAX || memchr(text, '\0', length) != NULL) {
        return refuse(tree, "the key %s... is longer than any of ours", shown.text);
    }
    if (json_object_getn(object, text, length) != NULL) {
        return refuse(tree, "%s is there twice", shown.text);
    }
    char *key = tree->keys[tree->depth - 1];
    memcpy(key, text, length);
    key[length] = '\0';
    return true;
}

static bool attach(struct pab_tree *tree, json_t *value)
{
    if (tree->depth == 0) {
        tree->root = value;
        return true;
    }
    json_t *parent = tree->open[tree->depth - 1];
    return (json_is_array(parent)
                ? json_array_append_new(parent, value)
                : json_object_set_new(parent, tree->keys[tree->depth - 1], value)) == 0;
}

bool pab_tree_add(struct pab_tree *tree, json_t *value)
{
    if (value == NULL || ++tree->values > PAB_READING_TREE_MAX) {
        json_decref(value);
        return refuse(tree, "%s",
                      value == NULL ? "it holds a text that is not UTF-8"
                                    : "it holds more values than any of ours");
    }
    bool is_open = json_is_array(value) || json_is_object(value);
    if (!attach(tree, value)) {
        return refuse(tree, "%s", "a key of it is not UTF-8");
    }
    if (is_open) {
        PAB_CHECK(tree->depth < PAB_READING_DEPTH_MAX); /* the document's own limit is met first */
        tree->open[tree->depth++] = value;
    }
    return true;
}

bool pab_tree_text(struct pab_tree *tree, const char *text, size_t length)
{
    if (length > PAB_READING_TEXT_MAX || memchr(text, '\0', length) != NULL) {
        return refuse(tree, "%s", "it holds a text longer than any of ours, or one with a NUL");
    }
    return pab_tree_add(tree, json_stringn(text, length));
}

bool pab_tree_number(struct pab_tree *tree, const char *text, size_t length)
{
    json_t *value = number_to_json(text, length);
    if (value == NULL) {
        return refuse(tree, "%s is a number beyond what any reader of JSON holds",
                      pab_reading_show(text, length).text);
    }
    return pab_tree_add(tree, value);
}

void pab_tree_close(struct pab_tree *tree)
{
    tree->depth--;
}
