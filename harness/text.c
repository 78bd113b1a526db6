#include "harness/text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_LEAST = 40, WIDTH_MOST = 100 };

unsigned pab_text_width(void)
{
    struct winsize window;
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 ||
        window.ws_col == 0) {
        return WIDTH_DEFAULT;
    }
    if (window.ws_col < WIDTH_LEAST) {
        return WIDTH_LEAST;
    }
    return window.ws_col < WIDTH_MOST ? window.ws_col : WIDTH_MOST;
}

/* Where a word of more than `room` bytes is broken: not within a character. */
static size_t break_at(const char *word, size_t room)
{
    size_t length = room;
    while (length > 1 && ((unsigned char)word[length] & 0xc0) == 0x80) {
        length--;
    }
    return length;
}

void pab_text_print(FILE *file, const char *head, unsigned indent, const char *text)
{
    size_t width = pab_text_width();
    size_t column = strlen(head);
    fprintf(file, "%s", head);
    if (column > indent || (column == indent && column > 0 && head[column - 1] != ' ')) {
        fprintf(file, "\n");
        column = 0;
    }
    size_t start = indent; /* where the next word goes, when it fits there */
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        if (column > indent && start + length > width) {
            fprintf(file, "\n");
            column = 0;
            start = indent;
        }
        if (start + length > width && start < width) {
            length = break_at(text, width - start);
        }
        fprintf(file, "%*s%.*s", (int)(start - column), "", (int)length, text);
        column = start + length;
        start = column + 1;
        text += length;
    }
    fprintf(file, "\n");
}

void pab_text_item(const char *head, unsigned indent, const char *text)
{
    pab_text_print(stdout, head, indent, text);
}

/* Bytes of the UTF-8 character that `at` begins with, 0 when it begins with none that XML and JSON
 * could hold. */
static size_t character_length(const unsigned char *at)
{
    static const struct {
        unsigned mask, lead, length, least;
    } forms[] = {{0x80, 0x00, 1, 0},
                 {0xe0, 0xc0, 2, 0x80},
                 {0xf0, 0xe0, 3, 0x800},
                 {0xf8, 0xf0, 4, 0x10000}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if ((at[0] & forms[i].mask) != forms[i].lead) {
            continue;
        }
        unsigned code = at[0] & ~forms[i].mask;
        for (size_t j = 1; j < forms[i].length; j++) {
            if ((at[j] & 0xc0) != 0x80) {
                return 0;
            }
            code = code << 6 | (at[j] & 0x3fu);
        }
        bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
        bool is_none = (code >= 0xd800 && code < 0xe000) || code == 0xfffe || code == 0xffff;
        return is_control || is_none || code < forms[i].least || code > 0x10ffff ? 0
                                                                                 : forms[i].length;
    }
    return 0;
}

void pab_text_clean(const char *text, bool keeps_lines, char *out, size_t size)
{
    size_t used = 0;
    while (*text != '\0') {
        size_t length = character_length((const unsigned char *)text);
        const char *piece = text;
        if (length == 0) {
            bool is_blank = *text == '\n' || *text == '\t';
            piece = *text == '\n' && keeps_lines ? "\n" : is_blank ? " " : "?";
        }
        size_t bytes = length == 0 ? 1 : length;
        if (used + bytes >= size) {
            break;
        }
        memcpy(out + used, piece, bytes);
        used += bytes;
        text += bytes;
    }
    out[used] = '\0';
}

bool pab_text_is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}
