#include "CProcess.h"

#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

int cprocess_end_with(int parent) {
#ifdef __linux__
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return -1;
  // The parent may have ended before the request.
  return getppid() == (pid_t)parent ? 0 : 1;
#else
  (void)parent;
  return -1;
#endif
}

static void handle(int signal, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // Reading and writing go on, so that nothing but the note is changed.
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, NULL);
}

static volatile sig_atomic_t stops;

static void note_stop(int signal) {
  if (signal == SIGINT && stops) {
    handle(SIGINT, SIG_DFL);
    raise(SIGINT);
    return;
  }
  stops = 1;
}

void cprocess_note_stops(void) {
  struct sigaction old;
  handle(SIGTERM, note_stop);
  if (sigaction(SIGINT, NULL, &old) != 0 || old.sa_handler != SIG_IGN) handle(SIGINT, note_stop);
}

int cprocess_stop_requested(void) { return stops; }

static volatile sig_atomic_t child, terminated;

static void forward(int signal) {
  terminated = 1;
  if (child > 0) kill((pid_t)child, signal);
}

void cprocess_forward_terminations(void) { handle(SIGTERM, forward); }

void cprocess_forward_to(int process) {
  child = process;
  if (terminated && process > 0) kill((pid_t)process, SIGTERM);
}

int cprocess_was_terminated(void) { return terminated; }
