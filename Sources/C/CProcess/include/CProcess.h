#ifndef CPROCESS_H
#define CPROCESS_H

/// Asks the kernel to end this process (SIGKILL) when its parent ends. Returns 0, or 1 where the parent is not `parent`
/// any more, or -1 where the system cannot do it. C, because prctl takes a variable number of arguments.
int cprocess_end_with(int parent);

#endif
