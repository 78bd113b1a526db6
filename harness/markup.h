/* harness/markup.h -- text that comes from anywhere, within Markdown, XML and GitHub's commands.
 * Depends on text.h.
 *
 * Names of libraries, messages of programs under test, words of a command line: none of it is ever
 * taken for markup.
 */
#ifndef PAB_HARNESS_MARKUP_H
#define PAB_HARNESS_MARKUP_H

#include <stdio.h>

/* Within a line or a table's cell of Markdown: newlines are blanks. */
void pab_markdown_text(FILE *file, const char *text);
/* As code, whatever backticks there are in it. */
void pab_markdown_code(FILE *file, const char *text);

/* Within an element; control characters, which XML does not hold, are '?'. */
void pab_xml_text(FILE *file, const char *text);
/* ` name="text"` */
void pab_xml_attribute(FILE *file, const char *name, const char *text);
/* ` timestamp=""`: of an ISO 8601 date and time, without its zone, which JUnit's has not. */
void pab_xml_timestamp(FILE *file, const char *text);
/* `<property name= value=/>`, a line of JUnit's. */
void pab_xml_property(FILE *file, const char *name, const char *text);

#endif
