/* What a builder's C++ library takes from glibc 2.36, and Lambda has 2.34. Only std::random_device asks for it, in a method of
   HiGHS that nothing here calls: so that the program is loaded at all. */
#include <stdlib.h>
#include <unistd.h>

unsigned int arc4random(void) {
    unsigned int drawn;
    if (getentropy(&drawn, sizeof drawn) != 0) abort();
    return drawn;
}
