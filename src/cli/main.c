// SPDX-License-Identifier: Apache-2.0
// The program: finds the command and runs it.
#include "cli/cli.h"
#include "util/build_info.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct nj_cli_command commands[] = {
    {"run", "[--config FILE] [--set GROUP.NAME=VALUE]...", "take media in and serve the page",
     nj_cli_run, false},
    {"check", "[--config FILE] [--set GROUP.NAME=VALUE]...",
     "check configuration, address, folders, cameras, store and model without starting",
     nj_cli_check, false},
    {"config", "example|markdown|help|show", "print the settings, their defaults and meaning",
     nj_cli_config, false},
    {"detect",
     "[--json] [--model MANIFEST] [--crop X,Y,W,H | --corners X,Y,X,Y,X,Y,X,Y]\n"
     "          [--set detect.NAME=VALUE]... PICTURE...",
     "print what is on pictures", nj_cli_detect, false},
    {"eval", "mot --det FILE --gt FILE [--out FILE] | video --video FILE --gt FILE",
     "measure tracking and detection against ground truth", nj_cli_eval, true},
    {"mpta", "pack FOLDER | check FILE | convert FILE | run FILE PICTURE|VIDEO...",
     "model archives: make, look through, run; see nightjar mpta --help", nj_cli_mpta, true},
};

static void print_help(FILE *out)
{
    fprintf(out,
            "Nightjar %s: cameras in, events you can trust out.\n\nusage: nightjar COMMAND\n\n",
            nj_build_version());
    for (size_t i = 0; i < NJ_COUNT_OF(commands); i++)
        fprintf(out, "  %-7s %s\n          %s\n", commands[i].name, commands[i].help,
                commands[i].usage);
    fputs("\n  --version, --help\n\nSettings: nightjar config help. Without any, 'nightjar run' "
          "watches the folder cameras/\nand serves http://localhost:8000.\n",
          out);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run_command(const struct nj_cli_command *command, int argc, char **argv)
{
    if (command->own_help || !nj_cli_help(&argc, argv))
        return command->run(argc, argv);
    printf("usage: nightjar %s %s\n\n  %s\n", command->name, command->usage, command->help);
    return NJ_EXIT_OK;
}

static int unknown_command(const char *name)
{
    const char *names[NJ_COUNT_OF(commands) + 1] = {NULL};
    for (size_t i = 0; i < NJ_COUNT_OF(commands); i++)
        names[i] = commands[i].name;
    return nj_cli_unknown("", name, names);
}

// Whoever starts the program with standard files closed would have its log written into whatever is
// opened next under their numbers.
static bool hold_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == 0 || errno != EBADF)
            continue;
        if (open("/dev/null", O_RDWR) != fd) // the lowest free number
            return false;
    }
    return true;
}

static int run(int argc, char **argv)
{
    if (!hold_standard_files())
        return NJ_EXIT_FAILED;
    if (argc < 2) {
        print_help(stderr);
        return NJ_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("nightjar %s\n", nj_build_stamp());
        return NJ_EXIT_OK;
    }
    if (asks_for_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return NJ_EXIT_OK;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(&commands[i], argc - 1, argv + 1);
    return unknown_command(argv[1]);
}

// What is still in memory is written here: a full disk must not look like success.
int main(int argc, char **argv)
{
    const int code = run(argc, argv);
    if (code != NJ_EXIT_OK || (fflush(stdout) == 0 && !ferror(stdout)))
        return code; // a failure was told by whoever failed
    fputs("nightjar: the output could not be written; is the disk full?\n", stderr);
    return NJ_EXIT_FAILED;
}
