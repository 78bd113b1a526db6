/* harness/text.h -- text for people, in lines that fit. Depends on libc alone. */
#ifndef PAB_HARNESS_TEXT_H
#define PAB_HARNESS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Columns of a line: those of the terminal, at most 100; 80 when stdout is none. */
unsigned pab_text_width(void);

/* Prints `head` and, from column `indent` on, `text`, broken at blanks; only a word that is longer
 * than a line is broken itself. A head that reaches into the text's column has a line of its own.
 */
void pab_text_item(const char *head, unsigned indent, const char *text);
/* The same on `file`, in lines as wide as those of stdout. */
void pab_text_print(FILE *file, const char *head, unsigned indent, const char *text);

/* Whether both are there and alike, or both are NULL. */
bool pab_text_is_same(const char *a, const char *b);

/* Copies `text` as valid UTF-8 without control characters, what is none of that as '?'. Newlines
 * stay where `keeps_lines`, else they are blanks. What does not fit is cut off. */
void pab_text_clean(const char *text, bool keeps_lines, char *out, size_t size);

#endif
