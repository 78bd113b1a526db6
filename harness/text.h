/* harness/text.h -- text for people on stdout, in lines that fit. Depends on libc alone. */
#ifndef PAB_HARNESS_TEXT_H
#define PAB_HARNESS_TEXT_H

/* Columns of a line: those of the terminal, at most 100; 80 when stdout is none. */
unsigned pab_text_width(void);

/* Prints `head` and, from column `indent` on, `text`, broken at blanks; a word is never broken.
 * A head that reaches into the text's column has a line of its own. */
void pab_text_item(const char *head, unsigned indent, const char *text);

#endif
