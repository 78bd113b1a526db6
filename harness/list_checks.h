/* harness/list_checks.h -- `list checks`: every statement of the catalogue. Depends on jansson. */
#ifndef PAB_HARNESS_LIST_CHECKS_H
#define PAB_HARNESS_LIST_CHECKS_H

#include <jansson.h>

/* A row a check, with all that is known of it without running it. */
json_t *pab_list_checks(void);
/* The same for people, on stdout. */
void pab_list_checks_print(const json_t *rows);

#endif
