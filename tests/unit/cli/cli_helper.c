// SPDX-License-Identifier: Apache-2.0
// Standard output and error of a call in files that have no name.
#include "tests/unit/cli/cli_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_words_init(struct cli_words *words, const char *line)
{
    char *rest;
    *words = (struct cli_words){.text = strdup(line)};
    assert_non_null(words->text);
    for (char *word = strtok_r(words->text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(words->count < CLI_WORDS_MAX);
        words->items[words->count++] = word;
    }
}

void cli_words_finish(struct cli_words *words)
{
    free(words->text);
    words->text = NULL;
}

const char *cli_words_join(const struct cli_words *words)
{
    static char joined[1024];
    size_t length = 0;
    joined[0] = '\0';
    for (int i = 0; i < words->count; i++)
        length += (size_t)snprintf(joined + length, sizeof joined - length, "%s%s",
                                   i > 0 ? " " : "", words->items[i]);
    assert_null(words->items[words->count]);
    return joined;
}

struct ear {
    int fd, before;
    FILE *file;
};

static void open_ear(struct ear *ear, int fd)
{
    ear->fd = fd;
    ear->before = dup(fd);
    ear->file = tmpfile();
    assert_true(ear->before >= 0 && ear->file != NULL);
    assert_int_equal(dup2(fileno(ear->file), fd), fd);
}

static void close_ear(struct ear *ear, char said[CLI_SAID_MAX])
{
    assert_int_equal(dup2(ear->before, ear->fd), ear->fd);
    assert_int_equal(close(ear->before), 0);
    assert_int_equal(fseek(ear->file, 0, SEEK_SET), 0);
    const size_t length = fread(said, 1, CLI_SAID_MAX - 1, ear->file);
    said[length] = '\0';
    assert_int_equal(fclose(ear->file), 0);
}

void cli_listen(struct cli_said *said, int (*run)(void *arg), void *arg)
{
    struct ear out, err;
    (void)fflush(stdout);
    (void)fflush(stderr);
    open_ear(&out, STDOUT_FILENO);
    open_ear(&err, STDERR_FILENO);
    said->code = run(arg);
    (void)fflush(stdout);
    (void)fflush(stderr);
    close_ear(&err, said->err);
    close_ear(&out, said->out);
}

struct call {
    int (*command)(int argc, char **argv);
    struct cli_words words;
};

static int run_call(void *arg)
{
    struct call *call = arg;
    return call->command(call->words.count, call->words.items);
}

void cli_call(struct cli_said *said, int (*command)(int argc, char **argv), const char *line)
{
    struct call call = {.command = command};
    cli_words_init(&call.words, line);
    cli_listen(said, run_call, &call);
    cli_words_finish(&call.words);
}
