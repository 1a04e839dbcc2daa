"""What a process gives up before a student's code runs in it: resources, and system calls.

Called inside the sandbox. It imports nothing of ours and nothing but the standard library, so that
it is over before NumPy is there.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
import sys

# System calls that no answer needs, by number on x86-64 and on 64-bit ARM; None: does not exist.
DENIED = {
    errno.EAGAIN: [("fork", 57, None), ("vfork", 58, None)],  # as where a limit is reached
    errno.ENOSYS: [("clone3", 435, 435)],  # the C library then takes clone
    errno.EACCES: [("execve", 59, 221), ("execveat", 322, 281), ("socket", 41, 198)],
    errno.EPERM: [
        # other processes
        *[("ptrace", 101, 117), ("process_vm_readv", 310, 270), ("process_vm_writev", 311, 271)],
        *[("pidfd_open", 434, 434), ("pidfd_getfd", 438, 438), ("pidfd_send_signal", 424, 424)],
        *[("tkill", 200, 130), ("rt_sigqueueinfo", 129, 138), ("rt_tgsigqueueinfo", 297, 240)],
        # file systems and namespaces
        *[("mount", 165, 40), ("umount2", 166, 39), ("pivot_root", 155, 41), ("chroot", 161, 51)],
        *[("fsopen", 430, 430), ("move_mount", 429, 429), ("open_tree", 428, 428)],
        *[("unshare", 272, 97), ("setns", 308, 268), ("open_by_handle_at", 304, 265)],
        # memory that no limit counts
        *[("memfd_create", 319, 279), ("memfd_secret", 447, 447), ("shmget", 29, 194)],
        *[("msgget", 68, 186), ("semget", 64, 190), ("mq_open", 240, 180)],
        # what has had many faults in the kernel
        *[("bpf", 321, 280), ("perf_event_open", 298, 241), ("userfaultfd", 323, 282)],
        *[("io_uring_setup", 425, 425), ("io_uring_enter", 426, 426), ("keyctl", 250, 219)],
        *[("add_key", 248, 217), ("request_key", 249, 218), ("personality", 135, 92)],
        *[("kexec_load", 246, 104), ("init_module", 175, 105), ("finit_module", 313, 273)],
    ],
}
CLONE, KILL, TGKILL = (56, 220), (62, 129), (234, 131)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
CLONE_THREAD = 0x10000
FIRST_X32 = 0x40000000

# the instructions of the filter: see seccomp(2) and the kernel's filter.txt
LOAD, EQUAL, ABOVE, BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, END = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, MACHINE, ARGUMENT = 0, 4, 16  # offsets in seccomp_data


def limit_resources(memory, file, seconds, processes=None):
    """Bytes of memory and of the largest file, seconds of CPU, and processes if that binds."""
    limits = {
        "RLIMIT_AS": memory,
        "RLIMIT_FSIZE": file,
        "RLIMIT_CPU": seconds,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    if processes is not None:
        limits["RLIMIT_NPROC"] = processes
    for name, value in limits.items():
        number = getattr(resource, name, None)
        if number is None:
            continue
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (value, value))
        except (ValueError, OSError):  # macOS refuses some
            continue


def deny_system_calls():
    """No new process or program, no socket, no signal to others. Returns whether that is in force.

    Threads are allowed. Linux on x86-64 and 64-bit ARM; elsewhere nothing happens.
    """
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return False
    program = b"".join(struct.pack("=HBBI", *line) for line in _filter())
    code = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    )
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
        return False
    return prctl(22, 2, ctypes.addressof(head), 0, 0) == 0  # PR_SET_SECCOMP, a filter


def _filter():
    """Lines (code, jump if true, jump if false, value); jumps count lines to skip."""
    column, machine = MACHINES[platform.machine()]
    lines = [(LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, machine), (RETURN, 0, 0, END)]
    lines += [(LOAD, 0, 0, NUMBER)]
    if column == 0:  # the same calls again, by other numbers
        lines += [(ABOVE, 0, 1, FIRST_X32), (RETURN, 0, 0, END)]
    for code, calls in DENIED.items():
        for _, *numbers in calls:
            if numbers[column] is not None:
                lines += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, REFUSE | code)]
    lines += [(EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, ARGUMENT)]
    lines += [(BITS, 1, 0, CLONE_THREAD), (RETURN, 0, 0, REFUSE | errno.EAGAIN)]
    lines += [(RETURN, 0, 0, ALLOW)]
    for call in (KILL, TGKILL):  # to itself only
        lines += [(EQUAL, 0, 4, call[column]), (LOAD, 0, 0, ARGUMENT)]
        lines += [(EQUAL, 1, 0, os.getpid()), (RETURN, 0, 0, REFUSE | errno.EPERM)]
        lines += [(RETURN, 0, 0, ALLOW)]
    return [*lines, (RETURN, 0, 0, ALLOW)]
