#ifndef CPROCESS_H
#define CPROCESS_H

/// Asks the kernel to end this process (SIGKILL) when its parent ends. Returns 0, or 1 where the parent is not `parent`
/// any more, or -1 where the system cannot do it. C, because prctl takes a variable number of arguments.
int cprocess_end_with(int parent);

/// From here on SIGTERM and SIGINT only take a note, so that the program can save what it has and end. A second SIGINT
/// ends it at once. SIGINT stays ignored where it was. C, because a handler must not wait for anything.
void cprocess_note_stops(void);
/// Whether such a signal has come.
int cprocess_stop_requested(void);

/// From here on a SIGTERM goes on to the process that `cprocess_forward_to` names, and does not end this one. One that
/// came before that process was named goes to it then.
void cprocess_forward_terminations(void);
void cprocess_forward_to(int process);
/// Whether a SIGTERM has come.
int cprocess_was_terminated(void);

#endif
