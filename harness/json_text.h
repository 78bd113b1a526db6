/* harness/json_text.h -- reads one field of a row. Depends on jansson. */
#ifndef PAB_HARNESS_JSON_TEXT_H
#define PAB_HARNESS_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* A text that is missing or null reads as "". */
static inline const char *pab_json_text(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

static inline json_int_t pab_json_count(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static inline bool pab_json_is(const json_t *row, const char *key, const char *word)
{
    return strcmp(pab_json_text(row, key), word) == 0;
}

#endif
