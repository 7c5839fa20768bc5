#include "CProcess.h"

#include <signal.h>
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
