# A boot sector that proves that a virtual CPU can run a modern kernel:
# real mode -> 64-bit mode with paging, lock cmpxchg16b, SSE2, a long loop; then "OK" on port 0xe9.
        .code16
        .globl _start
_start: cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
# page tables at 0x1000 (level 4), 0x2000 (level 3), 0x3000 (level 2: 2 MiB at 0)
        cld
        movw    $0x1000, %di
        movw    $0x1800, %cx
        rep stosw
        movw    $0x2003, 0x1000
        movw    $0x3003, 0x2000
        movw    $0x0083, 0x3000
        movl    %cr4, %eax
        orl     $0x620, %eax            # PAE, OSFXSR, OSXMMEXCPT
        movl    %eax, %cr4
        movl    $0x1000, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx       # EFER
        rdmsr
        orl     $0x100, %eax            # long mode
        wrmsr
        movl    %cr0, %eax
        andl    $0xfffffffb, %eax       # no emulated FPU
        orl     $0x80000003, %eax       # paging, protection, monitor FPU
        lgdt    gdtr
        movl    %eax, %cr0
        ljmp    $8, $long_mode
        .code64
long_mode:
        movl    $0x6000, %edi
        pxor    %xmm0, %xmm0
        movdqu  %xmm0, (%rdi)
        xorl    %eax, %eax
        xorl    %edx, %edx
        movl    $1, %ebx
        movl    $2, %ecx
        lock cmpxchg16b (%rdi)
        jnz     fail
        cmpq    $2, 8(%rdi)
        jne     fail
        movl    $20000000, %ecx
1:      lock incq (%rdi)
        decl    %ecx
        jnz     1b
        cmpq    $20000001, (%rdi)
        jne     fail
        movb    $'O', %al
        outb    %al, $0xe9
        movb    $'K', %al
        outb    %al, $0xe9
fail:   movw    $0x501, %dx
        movb    $1, %al
        outb    %al, %dx                # isa-debug-exit: QEMU ends with status 3
        hlt
        jmp     fail
        .balign 8
gdt:    .quad   0
        .quad   0x00209a0000000000
gdtr:   .word   15
        .long   gdt
        .org    510
        .word   0xaa55
