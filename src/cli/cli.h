// SPDX-License-Identifier: Apache-2.0
// Commands of the program: one file each, one row each in the table of main.c.
#ifndef NJ_CLI_CLI_H
#define NJ_CLI_CLI_H

#include "config/config.h"
#include "util/error.h"
#include "util/log.h"

enum {
    NJ_EXIT_OK = 0,
    NJ_EXIT_FAILED = 1, // the command did its work and the answer is no
    NJ_EXIT_USAGE = 2   // the words of the call, or the configuration, are wrong
};

struct nj_cli_command {
    const char *name;
    const char *usage;                 // behind "nightjar NAME "
    const char *help;                  // one line
    int (*run)(int argc, char **argv); // argv[0] is the command's name; returns the exit code
    bool own_help;                     // it is given --help itself, because it has words of its own
};

// Options that every command with a configuration takes: --config FILE, --set GROUP.NAME=VALUE.
struct nj_cli_config {
    const char *file;
    const char **sets; // NULL-terminated; malloc'd
    size_t set_count;
};

// Takes its own options out of argv and leaves the others; *argc is corrected. NJ_E_INVALID names
// the option. nj_cli_config_finish in every case.
int nj_cli_config_parse(int *argc, char **argv, struct nj_cli_config *out, struct nj_error *err);
void nj_cli_config_finish(struct nj_cli_config *config);
// File, environment, --set, in this order, against all option groups of the program.
int nj_cli_config_load(const struct nj_cli_config *config, struct nj_config **out,
                       struct nj_error *err);

// "nightjar NAME: text" on standard error; returns `code`.
int nj_cli_fail(const char *command, int code, const char *text);

// Warnings of what a command uses, as text on standard error. NULL when there is no memory, which
// every user of a log takes for silence. nj_log_destroy.
struct nj_log *nj_cli_log(void);

// "nightjar: no command 'frob'; ..." on standard error, with the nearest of `names`
// (NULL-terminated). `command` is "" or the command whose word is meant ("mpta"). Returns
// NJ_EXIT_USAGE.
int nj_cli_unknown(const char *command, const char *word, const char *const *names);

// True when `flag` ("--json") stands in argv; it is taken out.
bool nj_cli_flag(int *argc, char **argv, const char *flag);
// True when --help or -h stands anywhere in argv, whatever else does; they are taken out.
bool nj_cli_help(int *argc, char **argv);
// Value of "--name VALUE" or "--name=VALUE", taken out; NULL when absent. A missing value is "".
const char *nj_cli_value(int *argc, char **argv, const char *flag);

// What is left behind argv[0] when the options were taken out: no option, and nothing at all unless
// the command takes names of files. NJ_E_INVALID names the word and where the help of `command` is.
int nj_cli_check_rest(const char *command, int argc, char **argv, bool takes_names,
                      struct nj_error *err);

int nj_cli_run(int argc, char **argv);
int nj_cli_check(int argc, char **argv);
int nj_cli_config(int argc, char **argv);
int nj_cli_detect(int argc, char **argv);
int nj_cli_eval(int argc, char **argv);
int nj_cli_mpta(int argc, char **argv);

#endif
