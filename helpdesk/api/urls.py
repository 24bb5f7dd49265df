from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import DefaultRouter

from helpdesk.api import ladder, views
from helpdesk.ports import ports

router = DefaultRouter()
router.include_format_suffixes = False
router.register("brands", views.BrandView, "brand")
router.register("channels", views.ChannelView, "channel")
router.register("members", views.MemberView, "member")
router.register("customers", views.CustomerView, "customer")
router.register("tickets", views.TicketView, "ticket")
router.register("messages", views.MessageView, "message")
router.register("deliveries", views.DeliveryView, "delivery")
router.register("notices", views.NoticeView, "notice")
router.register("teams", ladder.TeamView, "team")
router.register("calendars", ladder.CalendarView, "calendar")
router.register("policies", ladder.PolicyView, "policy")
router.register("levels", ladder.LevelView, "level")
router.register("shifts", ladder.ShiftView, "shift")
router.register("escalation-policies", ladder.EscalationPolicyView, "escalation-policy")
router.register("escalations", ladder.EscalationView, "escalation")
router.register("follow-ups", ladder.FollowUpView, "follow-up")
router.register("approvals", ladder.ApprovalView, "approval")
for add_routes in ports.api_routes:
    add_routes(router)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("", include(router.urls)),
]
