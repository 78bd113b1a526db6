#include "harness/compare/reading_state.h"

#include <string.h>

static bool take_value(struct pab_row_reader *rows, const json_t *value);

static bool take_object(struct pab_row_reader *rows, const json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value)
    {
        if (!pab_row_reader_key(rows, key, strlen(key)) || !take_value(rows, value)) {
            return false;
        }
    }
    return true;
}

static bool take_container(struct pab_row_reader *rows, const json_t *value)
{
    bool good = pab_row_reader_open(rows, json_is_object(value));
    if (json_is_object(value)) {
        good = good && take_object(rows, value);
    }
    for (size_t i = 0; good && i < json_array_size(value); i++) {
        good = take_value(rows, json_array_get(value, i));
    }
    if (good) {
        pab_row_reader_close(rows);
    }
    return good;
}

static bool take_value(struct pab_row_reader *rows, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return pab_row_reader_null(rows);
    case JSON_TRUE:
    case JSON_FALSE:
        return pab_row_reader_bool(rows, json_is_true(value));
    case JSON_INTEGER:
    case JSON_REAL:
        return pab_row_reader_number(rows, json_number_value(value));
    case JSON_STRING:
        return pab_row_reader_text(rows, json_string_value(value), json_string_length(value));
    default:
        return take_container(rows, value);
    }
}

static bool take_rows(struct pab_row_reader *rows, const json_t *array, bool is_control)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(array, index, row)
    {
        pab_row_reader_begin(rows, is_control, index);
        if (!take_object(rows, row) || !pab_row_reader_end(rows)) {
            return false;
        }
    }
    return true;
}

enum pab_status pab_reading_take_json(struct pab_reading *reading, const json_t *run,
                                      struct pab_error *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)run, key, value)
    {
        if (strcmp(key, "samples") != 0 && strcmp(key, "control") != 0 &&
            strcmp(key, "timelines") != 0) {
            json_object_set(reading->run, key, value);
        }
    }
    struct pab_row_reader *rows = pab_row_reader_new(reading, err);
    bool good = take_rows(rows, json_object_get(run, "samples"), false) &&
                take_rows(rows, json_object_get(run, "control"), true);
    pab_row_reader_free(rows);
    return good ? PAB_OK : PAB_BAD_DATA;
}
