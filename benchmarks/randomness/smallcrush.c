/* TestU01's SmallCrush on 32-bit little-endian words from standard input.
 *
 *   cc -O2 smallcrush.c -o smallcrush -I$TESTU01/include -L$TESTU01/lib -ltestu01 -lprobdist -lmylib -lm
 *   python words_to_stdout.py one | ./smallcrush one
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bbattery.h"
#include "unif01.h"

enum { WORDS = 1 << 16 };

static unsigned int next_word(void)
{
    static uint32_t buffer[WORDS];
    static size_t next = WORDS;
    if (next == WORDS) {
        if (fread(buffer, sizeof buffer[0], WORDS, stdin) != WORDS) {
            fputs("smallcrush: standard input ended\n", stderr);
            exit(1);
        }
        next = 0;
    }
    return buffer[next++];
}

int main(int argc, char **argv)
{
    unif01_Gen *generator = unif01_CreateExternGenBits(argc > 1 ? argv[1] : "standard input", next_word);
    bbattery_SmallCrush(generator);
    unif01_DeleteExternGenBits(generator);
    return 0;
}
