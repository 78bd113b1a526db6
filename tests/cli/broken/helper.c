/* tests/cli/broken/helper.c -- a thread of the library's own, deaf to every signal, moves a mapping
 * once for every 256 blocks, and the caller waits for it. Nothing is wrong with it; what counts
 * calls to the kernel has to see them. */
#include "tests/cli/broken/broken.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>

#define PAGE 4096

static sem_t asked;
static sem_t done;

static void wait_for(sem_t *event)
{
    while (sem_wait(event) != 0) {
    }
}

static void *help(void *arg)
{
    void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (;;) {
        wait_for(&asked);
        page = mremap(page, PAGE, PAGE, 0);
        sem_post(&done);
    }
    return arg;
}

void broken_on_load(void)
{
    sigset_t all;
    sigset_t before;
    pthread_t thread;
    sem_init(&asked, 0, 0);
    sem_init(&done, 0, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_create(&thread, NULL, help, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void broken_on_malloc(unsigned long call)
{
    if (call % 256 == 0) {
        sem_post(&asked);
        wait_for(&done);
    }
}
