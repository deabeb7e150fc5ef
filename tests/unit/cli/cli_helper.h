// SPDX-License-Identifier: Apache-2.0
// A command called with words, and what it says on both of its outputs.
#ifndef NJ_TEST_CLI_HELPER_H
#define NJ_TEST_CLI_HELPER_H

enum { CLI_WORDS_MAX = 16, CLI_SAID_MAX = 256 * 1024 };

// Words as main() has them: they may be taken out, and a NULL follows the last.
struct cli_words {
    char *items[CLI_WORDS_MAX + 1];
    char *text; // malloc'd: the words themselves
    int count;
};
// `line`: words with one blank between them.
void cli_words_init(struct cli_words *words, const char *line);
void cli_words_finish(struct cli_words *words);
// What is left of them, with one blank between; valid until the next call.
const char *cli_words_join(const struct cli_words *words);

struct cli_said {
    int code;
    char out[CLI_SAID_MAX], err[CLI_SAID_MAX];
};
// Calls run(arg) with standard output and error going to `said`, and keeps what it returns.
void cli_listen(struct cli_said *said, int (*run)(void *arg), void *arg);
// Calls a command; its name is the first of the words.
void cli_call(struct cli_said *said, int (*command)(int argc, char **argv), const char *line);

#endif
