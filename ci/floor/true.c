/* The containers' program, as small as one can be: without arguments it is true(1), with one it waits for a signal. */
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argv;
	while (argc > 1) pause();
	return 0;
}
