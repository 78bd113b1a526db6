#include "harness/compare/reading_state.h"

#include <string.h>

void pab_reading_add_figure(struct pab_reading *reading, struct pab_reading_row *row,
                            uint32_t metric, double value)
{
    if (reading->figure_count == reading->figure_room) {
        reading->figure_room = reading->figure_room == 0 ? 1024 : 2 * reading->figure_room;
        reading->figures =
            realloc(reading->figures, reading->figure_room * sizeof(*reading->figures));
        PAB_CHECK(reading->figures != NULL);
    }
    reading->figures[reading->figure_count++] = (struct pab_reading_figure){metric, value};
    row->figure_count++;
}

bool pab_reading_is_first_of_row(struct pab_reading *reading, uint32_t number)
{
    if (number >= reading->last_row_room) {
        size_t room = 2 * (size_t)number + 64;
        reading->last_row = realloc(reading->last_row, room * sizeof(*reading->last_row));
        PAB_CHECK(reading->last_row != NULL);
        memset(reading->last_row + reading->last_row_room, 0,
               (room - reading->last_row_room) * sizeof(*reading->last_row));
        reading->last_row_room = room;
    }
    uint32_t row = (uint32_t)reading->row_count + 1;
    bool is_first = reading->last_row[number] != row;
    reading->last_row[number] = row;
    return is_first;
}

void pab_reading_add_row(struct pab_reading *reading, const struct pab_reading_row *row)
{
    if (reading->row_count == reading->row_room) {
        reading->row_room = reading->row_room == 0 ? 1024 : 2 * reading->row_room;
        reading->rows = realloc(reading->rows, reading->row_room * sizeof(*reading->rows));
        PAB_CHECK(reading->rows != NULL);
    }
    reading->rows[reading->row_count++] = *row;
    reading->sample_count += !row->is_control;
}
