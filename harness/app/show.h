/* harness/app/show.h -- a real program's figures as a table. Depends on jansson. */
#ifndef PAB_HARNESS_APP_SHOW_H
#define PAB_HARNESS_APP_SHOW_H

#include <jansson.h>
#include <stdio.h>

/* What a document of `app` says; nothing where nothing was measured. */
void pab_app_show(FILE *out, const json_t *document);

#endif
