/* OOM-16: a thread's first malloc crashes when memory has run out before.
 * clause: C23 7.24.3.6: a null pointer or a pointer to the allocated space
 * shows: jemalloc 5.3.0
 * build: cc -fno-builtin -pthread
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t gate;

static void *first_call(void *arg)
{
    pthread_barrier_wait(&gate);
    (void)arg;
    return malloc(64);
}

static void run_out(void)
{
    pthread_t threads[4];
    struct rlimit limit = {200UL << 20, 200UL << 20};
    pthread_barrier_init(&gate, NULL, 5);
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, first_call, NULL);
    }
    setrlimit(RLIMIT_AS, &limit);
    for (size_t bytes = (size_t)1 << 20; bytes >= 16; bytes /= 2) {
        while (malloc(bytes) != NULL) {
        }
    }
    pthread_barrier_wait(&gate);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        run_out();
        _exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
        printf("four threads' first malloc(64) died of signal %d\n", WTERMSIG(status));
        return 1;
    }
    return 0;
}
