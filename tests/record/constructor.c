/* A module that takes long to load: it tells that it began (descriptor 100), and goes on once it is
 * told so (101). */
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
    char byte = 0;
    (void)!write(100, &byte, 1);
    (void)!read(101, &byte, 1);
}
