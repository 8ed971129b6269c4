# The smallest guest that a hypervisor's verbs can be tried on: a boot sector that
# - says "guest up" on the serial port when it starts,
# - answers every byte that it gets there with that byte, upper-case, and '#' with how many bytes
#   it has answered so far (so that it can be seen whether its memory went on or began anew),
# - powers the machine off when the ACPI power button is pressed.
# QEMU's machine pc: serial port at 0x3f8, ACPI event block where SeaBIOS puts it, at 0x600.
        .code16
        .globl _start
_start: xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movb    $'0', count
        movw    $0x602, %dx             # PM1 enable: the power button
        movw    $0x100, %ax
        outw    %ax, %dx
        movw    $hello, %si
1:      lodsb
        testb   %al, %al
        jz      idle
        call    put
        jmp     1b
idle:   sti
        hlt                             # until the next tick, 18 a second
        movw    $0x600, %dx             # PM1 status: was the button pressed?
        inw     %dx, %ax
        testw   $0x100, %ax
        jnz     off
        movw    $0x3fd, %dx
        inb     %dx, %al
        testb   $1, %al
        jz      idle
        movw    $0x3f8, %dx
        inb     %dx, %al
        cmpb    $'#', %al
        jne     2f
        movb    count, %al
        jmp     3f
2:      andb    $0xdf, %al
3:      incb    count
        call    put
        jmp     idle
off:    movw    $0x604, %dx             # PM1 control: sleep type 0 is S5, and go
        movw    $0x2000, %ax
        outw    %ax, %dx
        hlt
put:    movb    %al, %ah
        movw    $0x3fd, %dx
4:      inb     %dx, %al
        testb   $0x20, %al
        jz      4b
        movb    %ah, %al
        movw    $0x3f8, %dx
        outb    %al, %dx
        ret
hello:  .asciz  "guest up\r\n"
count:  .byte   0
        .org    510
        .word   0xaa55
