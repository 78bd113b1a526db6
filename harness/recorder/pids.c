#include "harness/recorder/pids.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t space_of(const char *process)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%.20s/ns/pid", process);
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

uint64_t pab_pid_space(void)
{
    return space_of("self");
}

/* The last of "NSpid: 4711 12 1": its pid in the innermost namespace, which is its own. */
static int innermost_pid(const char *process)
{
    char path[64];
    char line[256];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/%.20s/status", process);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "NSpid:", strlen("NSpid:")) == 0) {
            const char *last = strrchr(line, '\t');
            pid = last == NULL ? 0 : (int)strtol(last, NULL, 10);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return pid;
}

int pab_pid_here(uint64_t space, int pid)
{
    if (space == 0 || space == pab_pid_space()) {
        return pid;
    }
    int found = 0;
    DIR *processes = opendir("/proc");
    for (struct dirent *entry = processes == NULL ? NULL : readdir(processes);
         entry != NULL && found == 0; entry = readdir(processes)) {
        int here = (int)strtol(entry->d_name, NULL, 10);
        if (here > 0 && space_of(entry->d_name) == space && innermost_pid(entry->d_name) == pid) {
            found = here;
        }
    }
    if (processes != NULL) {
        closedir(processes);
    }
    return found;
}
