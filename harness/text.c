#include "harness/text.h"

#include <stdio.h>
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

void pab_text_item(const char *head, unsigned indent, const char *text)
{
    size_t width = pab_text_width();
    size_t column = strlen(head);
    printf("%s", head);
    if (column > indent || (column == indent && column > 0 && head[column - 1] != ' ')) {
        printf("\n");
        column = 0;
    }
    size_t start = indent; /* where the next word goes, when it fits there */
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        if (column > indent && start + length > width) {
            printf("\n");
            column = 0;
            start = indent;
        }
        printf("%*s%.*s", (int)(start - column), "", (int)length, text);
        column = start + length;
        start = column + 1;
        text += length;
    }
    printf("\n");
}
